/**
 * Injects one TCP segment for each line `PATH FAMILY SRC DST`, for the kernel tests:
 * `node driver BACKEND`. Ends with its input; prints the counts.
 */
import { createInterface } from 'node:readline';
import { openInjector } from '../../src/datapath/nfqueue/injector.ts';
import { seg } from '../helpers/segment-builder.ts';

const backend = process.argv[2] === 'raw-socket' ? 'raw-socket' : 'koffi';
const injector = openInjector({
  backend,
  mark: 0x2000,
  report: (line) => console.log(`report ${line}`),
});
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const [path = '0', family = '4', src = '', dst = ''] = line.split(' ');
  injector.send(Number(path), seg({ family: family === '6' ? 6 : 4, src, dst, ts: [1, 2] }));
}
// raw-socket sends, and fails, later.
await new Promise((resolve) => setTimeout(resolve, 100));
injector.close();
console.log(`counts ${injector.sentCount} ${injector.failedCount}`);
