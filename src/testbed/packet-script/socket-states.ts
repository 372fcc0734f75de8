/**
 * The states of all TCP sockets of this namespace, as ss(8) shows them: requests and TIME-WAIT too,
 * which no descriptor tells of. Reads /proc/net/tcp and tcp6, and owns what it has read for a
 * moment.
 */
import { readFileSync } from 'node:fs';

const FRESH_MS = 4;
/** net/tcp_states.h. */
const STATES = [
  '',
  'ESTABLISHED',
  'SYN-SENT',
  'SYN-RECEIVED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'TIME-WAIT',
  'CLOSED',
  'CLOSE-WAIT',
  'LAST-ACK',
  'LISTEN',
  'CLOSING',
  'SYN-RECEIVED',
] as const;

export class SocketStates {
  private readonly rows = new Map<string, string>();
  private readAtMs = Number.NEGATIVE_INFINITY;

  /** Of the connection, or of a listener that would take its next SYN. */
  of(near: Uint8Array, nearPort: number, far: Uint8Array, farPort: number): string {
    this.refresh();
    const local = endText(near, nearPort);
    const listening = `${local} ${endText(new Uint8Array(far.length), 0)}`;
    const row = this.rows.get(`${local} ${endText(far, farPort)}`);
    return row ?? this.rows.get(listening) ?? 'CLOSED';
  }

  private refresh(): void {
    const nowMs = performance.now();
    if (nowMs - this.readAtMs < FRESH_MS) return;
    this.rows.clear();
    for (const file of ['/proc/self/net/tcp', '/proc/self/net/tcp6']) {
      for (const line of readFileSync(file, 'latin1').split('\n')) {
        const [, local, remote, state] = line.trim().split(/\s+/);
        const name = STATES[Number.parseInt(state ?? '', 16)];
        if (name !== undefined) this.rows.set(`${local} ${remote}`, name);
      }
    }
    this.readAtMs = performance.now();
  }
}

/** Words as this machine, which is little-endian, reads them. */
function endText(address: Uint8Array, port: number): string {
  let text = '';
  for (let at = 0; at < address.length; at += 4) {
    for (let i = 3; i >= 0; i--) text += hex(address[at + i] ?? 0, 2);
  }
  return `${text}:${hex(port, 4)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}
