/**
 * Requests over a real control socket: each is answered with one line of JSON, whatever it was, and
 * what reaches the engine is an address and a port.
 */
import pino from 'pino';
import { ControlDesk, type DeskParts } from '../../../src/datapath/control-desk.ts';
import { HistoryKeeper } from '../../../src/datapath/history-keeper.ts';
import { PathStore } from '../../../src/datapath/path-store.ts';
import { Trial } from '../../../src/datapath/trial.ts';
import { createEngineMemory } from '../../../src/engine/memory.ts';
import type { Random } from '../../helpers/seed.ts';
import { ControlRig, say } from '../../telemetry/control-rig.ts';
import { mutateJson } from '../json-mutation.ts';
import { demand, type Target } from '../target.ts';

const OPS = ['report', 'flows', 'paths', 'forget', 'keep', 'stop'];
const REQUEST_BYTES_MAX = 4096;
const NOWHERE = '/nonexistent/seqshim';

const root = { uid: 0, gid: 0, pid: 1, groups: [] };
/** Audit lines are written at every level. */
const log = pino({ level: 'silent' }, { write: () => {} });
let rig: ControlRig | undefined;
/** What is thrown in the server is answered; this is not. */
let forgottenWrong = '';

export const control: Target = {
  name: 'control',
  about: 'a request over the control socket',
  bytesMax: 5000,
  seeds: () =>
    [
      ...OPS.map((op) => `{"op":"${op}"}`),
      '{"op":"report","sinceMs":86400000}',
      '{"op":"flows","all":true}',
      '{"op":"forget","address":"10.0.0.2","port":22}',
      '{"op":"forget","address":"fd00::2","port":0}',
    ].map((line) => Buffer.from(`${line}\n`)),

  mutate(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
    const [text, more] = [input, other].map((bytes) => Buffer.from(bytes).toString('utf8'));
    return Buffer.from(`${mutateJson(text ?? '', random, more ?? '')}\n`);
  },

  async run(input: Uint8Array): Promise<void> {
    rig ??= await openRig();
    // Without an end of line the server would wait for it.
    const isEnded = input.includes(10) || input.length > REQUEST_BYTES_MAX;
    const request = Buffer.from(isEnded ? input : [...input, 10]);
    forgottenWrong = '';
    const said = await say(rig.path, request);
    demand(forgottenWrong === '', forgottenWrong);
    // Who goes on writing to a server that has closed may lose the answer with the connection.
    if (said === '' && request.length > REQUEST_BYTES_MAX) return;
    demand(said.endsWith('\n') && said.indexOf('\n') === said.length - 1, `no line: ${said}`);
    const answer = JSON.parse(said) as Record<string, unknown>;
    if (typeof answer['error'] === 'string') demand(!answer['error'].includes('\n'), 'two lines');
    else demand(answer['schema'] === 1, `neither schema nor error: ${said}`);
  },

  async close(): Promise<void> {
    await rig?.close();
    rig = undefined;
  },
};

/** The desk of a shim over one real memory; what no request reaches is left out. */
async function openRig(): Promise<ControlRig> {
  const memory = createEngineMemory(16, (bytes) => new ArrayBuffer(bytes));
  const workers = {
    memories: [memory],
    forgetPath(family: number, words: Int32Array, port: number): void {
      const isPort = Number.isInteger(port) && port >= 0 && port <= 65_535;
      const isAddress = (family === 4 || family === 6) && words.length === 4;
      if (!isPort || !isAddress) forgottenWrong = `forgotten: ${family} ${words} ${port}`;
    },
  };
  const parts = {
    log,
    workers,
    trial: new Trial(log),
    paths: new PathStore(NOWHERE, [memory.paths], log),
    keeper: new HistoryKeeper(NOWHERE, [memory], [22], log),
    stop: () => {},
  };
  const desk = new ControlDesk(parts as unknown as DeskParts);
  const opened = new ControlRig();
  await opened.serve((request, peer) => {
    const { op } = request;
    return op === 'status' || op === 'top' ? { schema: 1 } : desk.answer(request, peer);
  }, root);
  return opened;
}
