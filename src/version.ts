/** The version, as in package.json; a test holds the two together. A leaf. */
export const VERSION = '0.1.0';
/** When its documentation was last made for a release: the date of the manual page. */
export const RELEASE_DATE = '2026-11-27';
