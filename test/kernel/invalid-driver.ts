/**
 * Sends packets (a JSON list of hex on stdin) from raw sockets, one after the other, where the
 * OUTPUT hook drops what conntrack calls INVALID: the kernel refuses those at once. Prints which it
 * took.
 */
import { text } from 'node:stream/consumers';
import { openInjector } from '../../src/datapath/nfqueue/injector.ts';
import { INJECT_FAR } from '../../src/engine/verdict.ts';

const packets = JSON.parse(await text(process.stdin)) as string[];
const injector = openInjector({ backend: 'koffi', mark: 0x2000, report: () => {} });
const taken = packets.map((hex) => injector.send(INJECT_FAR, Buffer.from(hex, 'hex')));
console.log(JSON.stringify(taken));
