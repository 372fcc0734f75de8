/**
 * What a link does to packets, per direction: the schema of a path. The same for the same seed.
 * Owns nothing. Times: ms; chances: 0 to 1.
 */
import * as v from 'valibot';
import { count, ms, share } from './schedule.ts';

const rate = v.pipe(v.number('must be a number of Mbit/s'), v.finite(), v.minValue(0));

const LINK = {
  /** One way. */
  delayMs: v.exactOptional(ms),
  /** At most so much is added, evenly spread; packets stay in order. */
  jitterMs: v.exactOptional(ms),
  /** 10^6 bits a second of IP packets; 0: no limit. */
  rateMbit: v.exactOptional(rate),
  /** What waits for its turn at that rate, at most; more is lost (tail drop). */
  bufferOctets: v.exactOptional(count),
  loss: v.exactOptional(share),
  /** A packet goes before the one ahead of it. */
  reordering: v.exactOptional(share),
  /** A packet arrives twice. */
  duplication: v.exactOptional(share),
} as const;

export const linkSchema = v.strictObject(LINK);

/** Both ways alike, save for what `toServer` and `toClient` say. */
export const PATH = {
  ...LINK,
  toServer: v.exactOptional(linkSchema),
  toClient: v.exactOptional(linkSchema),
} as const;

export const pathSchema = v.strictObject(PATH);
export type Path = v.InferOutput<typeof pathSchema>;
export type Link = Required<v.InferOutput<typeof linkSchema>>;

export const LINK_DEFAULT: Link = {
  delayMs: 0,
  jitterMs: 0,
  rateMbit: 0,
  bufferOctets: 262_144,
  loss: 0,
  reordering: 0,
  duplication: 0,
};

export function linkOf(path: Path, toClient: boolean): Link {
  const { toServer, toClient: back, ...both } = path;
  return { ...LINK_DEFAULT, ...both, ...(toClient ? back : toServer) };
}
