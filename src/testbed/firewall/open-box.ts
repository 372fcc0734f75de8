/** A behaviour as told becomes the box that does it: one case each. Owns nothing. */
import type { Behaviour } from './behaviour.ts';
import { AsymmetricPath } from './behaviours/asymmetric-path.ts';
import { ChallengeAckReset } from './behaviours/challenge-ack-reset.ts';
import { ChangeOption } from './behaviours/change-option.ts';
import { Checksum } from './behaviours/checksum.ts';
import { DuplicateAddress } from './behaviours/duplicate-address.ts';
import { FirstConnectionReset } from './behaviours/first-connection-reset.ts';
import { ForgedReset } from './behaviours/forged-reset.ts';
import { IdleDrop } from './behaviours/idle-drop.ts';
import { Link } from './behaviours/link.ts';
import { MtuLimit } from './behaviours/mtu-limit.ts';
import { NatPortReuse } from './behaviours/nat-port-reuse.ts';
import { OutOfWindowAckDrop } from './behaviours/out-of-window-ack-drop.ts';
import { PhantomSynAck } from './behaviours/phantom-synack.ts';
import { Randomize } from './behaviours/randomize.ts';
import { RandomizedReset } from './behaviours/randomized-reset.ts';
import { Rerandomize } from './behaviours/rerandomize.ts';
import { StateLoss } from './behaviours/state-loss.ts';
import { StrictSequence } from './behaviours/strict-sequence.ts';
import { StrictTimestamps } from './behaviours/strict-timestamps.ts';
import { StripOption } from './behaviours/strip-option.ts';
import { SynCookieProxy } from './behaviours/syn-cookie-proxy.ts';
import { Window } from './behaviours/window.ts';
import type { PacketTaker, Place } from './box.ts';

export function openBox(behaviour: Behaviour, place: Place): PacketTaker {
  switch (behaviour.kind) {
    case 'randomize':
      return new Randomize(behaviour, place);
    case 'rerandomize':
      return new Rerandomize(behaviour, place);
    case 'first-connection-reset':
      return new FirstConnectionReset(behaviour, place);
    case 'challenge-ack-reset':
      return new ChallengeAckReset(behaviour, place);
    case 'duplicate-address':
      return new DuplicateAddress(behaviour, place);
    case 'phantom-synack':
      return new PhantomSynAck(behaviour, place);
    case 'syn-cookie-proxy':
      return new SynCookieProxy(behaviour, place);
    case 'forged-reset':
      return new ForgedReset(behaviour, place);
    case 'randomized-reset':
      return new RandomizedReset(behaviour, place);
    case 'idle-drop':
      return new IdleDrop(behaviour, place);
    case 'state-loss':
      return new StateLoss(behaviour, place);
    case 'nat-port-reuse':
      return new NatPortReuse(behaviour, place);
    case 'strip-option':
      return new StripOption(behaviour, place);
    case 'change-option':
      return new ChangeOption(behaviour, place);
    case 'window':
      return new Window(behaviour, place);
    case 'checksum':
      return new Checksum(behaviour, place);
    case 'mtu-limit':
      return new MtuLimit(behaviour, place);
    case 'out-of-window-ack-drop':
      return new OutOfWindowAckDrop(behaviour, place);
    case 'asymmetric-path':
      return new AsymmetricPath(behaviour, place);
    case 'strict-sequence':
      return new StrictSequence(behaviour, place);
    case 'strict-timestamps':
      return new StrictTimestamps(behaviour, place);
    case 'link':
      return new Link(behaviour, behaviour, place);
  }
}
