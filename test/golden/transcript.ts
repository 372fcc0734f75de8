/**
 * What the engine did in one simulated world, as text: every packet at the shim and what became of
 * it, every event, what was counted, and how each connection ended. The same trial gives the same
 * text; its last line holds a hash over every octet that reached either host, and when.
 */
import { PacketLog } from '../../src/datapath/sim/packet-lines.ts';
import { type RandomPlan, withFaults } from '../../src/datapath/sim/random-plan.ts';
import { drainEvents } from '../../src/datapath/sim/scenario.ts';
import type { ShimHost } from '../../src/datapath/sim/shim-host.ts';
import type { ShimPlan } from '../../src/datapath/sim/shim-plan.ts';
import { runWorld, type WorldResult } from '../../src/datapath/sim/world.ts';
import { EV_NOW_MS } from '../../src/engine/events.ts';
import { readEvent } from '../../src/telemetry/event-log.ts';
import { CODES, STATS } from '../../src/telemetry/registry.ts';

export interface GoldenWorld {
  readonly plan: RandomPlan;
  readonly shim: ShimPlan;
}

/** `text`: as `seqshim simulate` prints it for a seed that fails, behind the word `plan`. */
export function readPlan(text: string): GoldenWorld {
  // JSON has no infinity: whoever reads as fast as it comes has null.
  const { shim, ...plan } = JSON.parse(text, (key, value: unknown) =>
    key === 'readOctetsPerMs' && value === null ? Number.POSITIVE_INFINITY : value,
  ) as RandomPlan & { readonly shim: ShimPlan };
  return { plan: withFaults(plan, plan.faultPlans), shim };
}

export function transcript({ plan, shim }: GoldenWorld): string {
  const logs = plan.connections.map((about) => new PacketLog(plan, about));
  const result = runWorld(plan, shim, (point, atUs, bytes) => {
    for (const log of logs) log.note(point, atUs, bytes);
  });
  const host = result.shim;
  if (host === null) throw new Error('this run had no shim');
  const talks = logs.flatMap((log, i) => [
    `connection ${i}, from port ${log.about.clientPort}:`,
    ...log.lines().map((line) => `  ${line}`),
    `  ${endText(result, i)}`,
  ]);
  const lines = [...talks, 'events:', ...eventLines(host), 'counted:', ...countLines(host)];
  return `${[...lines, `hash ${(result.traceHash >>> 0).toString(16)}`].join('\n')}\n`;
}

function endText({ connections }: WorldResult, i: number): string {
  const one = connections[i];
  if (one === undefined) throw new Error(`no connection ${i}`);
  const side = ({ reason, receivedOctets }: (typeof one)['client']) =>
    `${reason}, ${receivedOctets} octets`;
  return `client ${side(one.client)}; server ${side(one.server)}`;
}

/** Times: seconds of the world. */
function eventLines(host: ShimHost): string[] {
  return drainEvents(host.events).map((event) => {
    const record = readEvent(event, 0);
    const seconds = host.worldMs(event[EV_NOW_MS] ?? 0) / 1000;
    if (record === undefined) throw new Error('an event of no known code');
    const { code, cause, observed, flow, ageMs } = record;
    const args = Object.entries(record.args).map(([key, value]) => ` ${key} ${value}`);
    const because = cause === undefined ? '' : ` because of ${cause}`;
    const only = observed ? ', observed only' : '';
    const time = seconds.toFixed(3).padStart(8);
    return `  ${time} ${flow}, age ${ageMs}: ${code}${because}${only}${args.join(',')}`;
  });
}

function countLines({ engine, mainThread, rewritten }: ShimHost): string[] {
  const names = [...CODES.map(({ code, name }) => [code, name] as const), ...STATS];
  const counted = names.flatMap(([code, name]) => {
    const count = engine.counters[code] ?? 0;
    return count === 0 ? [] : [`${name} ${count}`];
  });
  const { injectedFar, injectedNear, wakes, ruleCount, ruled } = mainThread;
  const done = { rewritten, injectedFar, injectedNear, wakes, rules: ruleCount, left: ruled.size };
  const doneLines = Object.entries(done).map(([name, count]) => `${name} ${count}`);
  return [...counted, ...doneLines].map((line) => `  ${line}`);
}
