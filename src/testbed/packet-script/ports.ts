/** The ports of all scripts: one of servers, which a shim is told, and one of clients. A leaf. */
export const SERVER_PORT = 7022;
export const CLIENT_PORT = 40_000;
