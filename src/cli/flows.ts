/** `flows`: the connections that the running shim knows. */
import { pathsOf, type Values } from '../config/config.ts';
import { EXIT_OK } from '../config/exit-codes.ts';
import { ask } from '../telemetry/control-client.ts';
import type { FlowView } from '../telemetry/flow-view.ts';

export async function flows(args: Values): Promise<number> {
  const request = { op: 'flows', all: args['all'] === true };
  const answer = await ask(pathsOf(args).control, request);
  if (args['json'] === true) {
    process.stdout.write(`${JSON.stringify(answer)}\n`);
    return EXIT_OK;
  }
  const list = answer['flows'] as readonly FlowView[];
  for (const flow of list) process.stdout.write(`${flowLine(flow)}\n`);
  const more = Number(answer['total']) - list.length;
  process.stdout.write(`${list.length} shown${more > 0 ? `, ${more} more: --all` : ''}\n`);
  return EXIT_OK;
}

export function flowLine(flow: FlowView): string {
  const state =
    flow.nearState === flow.farState ? flow.nearState : `${flow.nearState}/${flow.farState}`;
  const notes = [
    flow.tainted ? 'tainted' : '',
    flow.translated ? `translated by ${flow.deltaOctets}${where(flow)}` : '',
    flow.pickedUp ? 'older than seqshim' : '',
    flow.untouched ? 'untouched' : '',
  ].filter((note) => note !== '');
  const age = `${seconds(flow.ageMs)} old, idle ${seconds(flow.idleMs)}`;
  return `${flow.near} > ${flow.far}  ${state}  ${age}  ${notes.join(', ')}`.trimEnd();
}

function where(flow: FlowView): string {
  return flow.translatedBy === 'kernel' ? ' in the kernel' : '';
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
