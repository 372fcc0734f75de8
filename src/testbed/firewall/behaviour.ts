/**
 * What the faulty firewall can be told to do: a composition of behaviours, freely combined. The
 * first in the list stands nearest to the client; each packet passes them in order, those of the
 * server in the opposite one, and what a behaviour makes up passes the rest in its direction. One
 * file each in `behaviours/`, with its options, the device it models, and a source.
 *
 * Names are API: a kind or an option that was released is not renamed. Keys are camelCase here and
 * in the firewall's JSON, kebab-case in TOML (`camelKeys`). Owns nothing.
 */
import * as v from 'valibot';
import { asymmetricPathSchema } from './behaviours/asymmetric-path.ts';
import { challengeAckResetSchema } from './behaviours/challenge-ack-reset.ts';
import { changeOptionSchema } from './behaviours/change-option.ts';
import { checksumSchema } from './behaviours/checksum.ts';
import { duplicateAddressSchema } from './behaviours/duplicate-address.ts';
import { firstConnectionResetSchema } from './behaviours/first-connection-reset.ts';
import { forgedResetSchema } from './behaviours/forged-reset.ts';
import { idleDropSchema } from './behaviours/idle-drop.ts';
import { linkBehaviourSchema } from './behaviours/link.ts';
import { mtuLimitSchema } from './behaviours/mtu-limit.ts';
import { natPortReuseSchema } from './behaviours/nat-port-reuse.ts';
import { outOfWindowAckDropSchema } from './behaviours/out-of-window-ack-drop.ts';
import { phantomSynAckSchema } from './behaviours/phantom-synack.ts';
import { randomizeSchema } from './behaviours/randomize.ts';
import { randomizedResetSchema } from './behaviours/randomized-reset.ts';
import { rerandomizeSchema } from './behaviours/rerandomize.ts';
import { stateLossSchema } from './behaviours/state-loss.ts';
import { strictSequenceSchema } from './behaviours/strict-sequence.ts';
import { strictTimestampsSchema } from './behaviours/strict-timestamps.ts';
import { stripOptionSchema } from './behaviours/strip-option.ts';
import { synCookieProxySchema } from './behaviours/syn-cookie-proxy.ts';
import { windowSchema } from './behaviours/window.ts';
import { pathSchema } from './path-options.ts';

export const behaviourSchema = v.variant('kind', [
  randomizeSchema,
  rerandomizeSchema,
  firstConnectionResetSchema,
  challengeAckResetSchema,
  duplicateAddressSchema,
  phantomSynAckSchema,
  synCookieProxySchema,
  forgedResetSchema,
  randomizedResetSchema,
  idleDropSchema,
  stateLossSchema,
  natPortReuseSchema,
  stripOptionSchema,
  changeOptionSchema,
  windowSchema,
  checksumSchema,
  mtuLimitSchema,
  outOfWindowAckDropSchema,
  asymmetricPathSchema,
  strictSequenceSchema,
  strictTimestampsSchema,
  linkBehaviourSchema,
]);

export type Behaviour = v.InferOutput<typeof behaviourSchema>;
export type BehaviourKind = Behaviour['kind'];

const seed = v.pipe(v.number(), v.integer());

/** What the firewall process takes as JSON: `dist/firewall.js '{"behaviours":[...]}'`. */
export const compositionSchema = v.strictObject({
  behaviours: v.array(behaviourSchema),
  /** The link between the last box and the server. */
  path: v.optional(pathSchema),
  /** Every chance, offset and number that is drawn comes from it. */
  seed: v.optional(seed, 1),
  queueNum: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)), 9),
});

export type Composition = v.InferOutput<typeof compositionSchema>;
/** Before defaults are filled in. */
export type CompositionInput = v.InferInput<typeof compositionSchema>;

/** With defaults filled in; throws with every mistake in it. */
export function readComposition(given: unknown): Composition {
  const result = v.safeParse(compositionSchema, given);
  if (!result.success) throw new Error(`Not a composition: ${v.summarize(result.issues)}`);
  return result.output;
}

/** `from-ms = 5` of TOML as `fromMs: 5`, at every depth; values stay. */
export function camelKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      camelKeys(inner),
    ]),
  );
}
