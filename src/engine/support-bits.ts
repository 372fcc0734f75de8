/** What speaks in support of a finding (`normalize/support.ts`). Owns the numbers only; a leaf. */

/** The IP identification is of another series. */
export const SUPPORT_IP_ID = 1;
/** No timestamps, on a connection that uses them. */
export const SUPPORT_NO_TIMESTAMPS = 2;
/** "Don't fragment" is set on one and not on the other. */
export const SUPPORT_DF = 4;
