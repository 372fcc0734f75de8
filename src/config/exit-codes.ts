/** Exit codes: API since the first release. A leaf. */
export const EXIT_OK = 0;
/** No; findings; degraded. */
export const EXIT_NO = 1;
/** Usage, configuration, unusable input. */
export const EXIT_USAGE = 2;
export const EXIT_NOT_RUNNING = 3;
/** Not possible here, or not enough evidence. */
export const EXIT_IMPOSSIBLE = 4;
/** Our bug. */
export const EXIT_BUG = 70;
