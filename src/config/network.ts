/** A network of targets: one family, written as CIDR; `all` is 0.0.0.0/0 and ::/0. A leaf. */
export interface Network {
  readonly family: 4 | 6;
  readonly cidr: string;
}
