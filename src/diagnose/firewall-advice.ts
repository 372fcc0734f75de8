/**
 * What to ask whoever runs the firewall, with the commands of Cisco ASA and FWSM (“Connection
 * Settings” in the CLI guides), which are what most people have; others have the same under other
 * names. Owns the words.
 */
export const ASK_TRANSLATIONS =
  'On Cisco ASA or FWSM: `show conn` and `show xlate` for this address and port while it fails, ' +
  'and `capture` on both interfaces at once; on FWSM `xlate-bypass` for traffic without NAT.';

export const STOP_RENUMBERING =
  'On Cisco ASA or FWSM: a class for this traffic in the policy-map, with `set connection ' +
  'random-sequence-number disable`.';

export const ALLOW_OPTIONS =
  'On Cisco ASA: the tcp-map of the traffic’s class must say `tcp-options timestamp allow`, ' +
  '`tcp-options selective-ack allow`, `tcp-options window-scale allow`, not `clear`.';

export const IDLE_TIMEOUT =
  'On Cisco ASA: `show conn` tells the idle time; `set connection timeout idle 2:0:0 reset dcd` in ' +
  'the policy-map keeps living connections and tells the ends of dead ones.';
