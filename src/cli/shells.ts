/** The shells that there is a completion for. A leaf. */
export const SHELLS = ['bash', 'zsh'] as const;
