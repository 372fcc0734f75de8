/**
 * The layout of one event: EVENT_WORDS int32 words, written by the engine, read by telemetry.
 * What the arguments mean is said per code in `telemetry/registry.ts`.
 */
export const EV_CODE = 0;
/** The finding that caused an action, or 0. */
export const EV_CAUSE = 1;
/** Engine time, ms. */
export const EV_NOW_MS = 2;
/** 1 when observed only: decided, not done. */
export const EV_WOULD = 3;
export const EV_FAMILY = 4;
/** As in the outbox: near address, far address, near port << 16 | far port. */
export const EV_NEAR_ADDR = 5;
export const EV_FAR_ADDR = 9;
export const EV_PORTS = 13;
/** Milliseconds since the flow's first SYN (or since it was picked up). */
export const EV_AGE_MS = 14;
/** Five arguments. */
export const EV_ARG = 15;
export const EV_ARG_COUNT = 5;
/** Row of the flow, and its generation. */
export const EV_FLOW = 20;
export const EV_GENERATION = 21;
