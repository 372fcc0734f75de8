/**
 * The seed of the simulations: `SEQSHIM_SEED` replays a run, otherwise 1. It is printed with every
 * failure, because every assertion names the seed that broke it.
 */
const { SEQSHIM_SEED = '1' } = process.env;

export const SEED = Number(SEQSHIM_SEED) | 0;

/** Against a hang. The longest takes 20 seconds; on a busy machine it took 70. */
export const LIMIT_MS = 300_000;
