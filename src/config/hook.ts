/** Where packets are seen: connections of this machine, or those that it forwards. A leaf. */
export const HOOKS = ['host', 'gateway'] as const;
export type Hook = (typeof HOOKS)[number];
