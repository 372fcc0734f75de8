/** One way to get packets out: what the injector asks of raw-socket and of koffi. A leaf. */
export interface Transmitter {
  /**
   * `mark` is the packet's, 0: none. False: not handed to the kernel; the failure handler was told
   * why, or will be.
   */
  send(family: 4 | 6, mark: number, packet: Uint8Array): boolean;
  close(): void;
}

/** Is told the errno's name, now or later. */
export type FailureHandler = (errnoName: string) => void;
