/**
 * Addresses and numbers of the n-th scripted connection: none shares an address with another, so
 * that many run side by side, and nothing that is learned of one path is believed of the next.
 * Owns the networks of both ends.
 */
import { mix } from '../../datapath/sim/random.ts';
import { addressWords } from '../../telemetry/flow-address.ts';
import type { Sides } from './conversation.ts';
import { CLIENT_PORT, SERVER_PORT } from './ports.ts';
import type { Script } from './script.ts';

export const NEAR_NETWORK = { 4: '10.97.0.0/16', 6: 'fd97::/64' } as const;
export const FAR_NETWORK = { 4: '10.98.0.0/16', 6: 'fd98::/64' } as const;
/** So many do not share an address. */
export const SIDES_MAX = 60_000;

export function sidesOf(script: Script, index: number, family: 4 | 6): Sides {
  const listens = script.events.some(
    ({ action }) => action.kind === 'call' && action.call.name === 'listen',
  );
  return {
    family,
    nearAddr: addressBytes(NEAR_NETWORK[family], index),
    farAddr: addressBytes(FAR_NETWORK[family], index),
    nearPort: listens ? SERVER_PORT : CLIENT_PORT,
    farPort: listens ? CLIENT_PORT : SERVER_PORT,
    farIss: mix(index, 0x15f),
  };
}

/** Behind the first 256 addresses of a network, which have their uses. */
function addressBytes(network: string, index: number): Uint8Array {
  const family = network.includes(':') ? 6 : 4;
  const words = addressWords(network.split('/')[0] ?? '');
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < bytes.length / 4; i++) view.setInt32(4 * i, words[i] ?? 0, false);
  const last = bytes.length - 4;
  view.setInt32(last, view.getInt32(last, false) + 256 + (index % SIDES_MAX), false);
  return bytes;
}
