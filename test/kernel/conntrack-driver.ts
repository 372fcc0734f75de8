/**
 * Runs inside a namespace: does to conntrack entries what its argument says, prints the outcomes as
 * JSON. Argument: [[name, ...args], ...].
 */
import { execFileSync } from 'node:child_process';
import * as a from '../../src/datapath/conntrack/attributes.ts';
import { Ctnetlink } from '../../src/datapath/conntrack/ctnetlink.ts';
import { type Entry, readEntry, replacement } from '../../src/datapath/conntrack/entry.ts';
import { canExchange, exchange } from '../../src/datapath/conntrack/exchange.ts';
import {
  dropKeepRule,
  keepRuleStands,
  keepTracking,
} from '../../src/datapath/conntrack/keep-rule.ts';
import { findSurvivors, tidySurvivors } from '../../src/datapath/conntrack/survivors.ts';
import type { FlowAddress } from '../../src/telemetry/flow-address.ts';

type Op = readonly [name: string, flow: FlowAddress, ...args: readonly unknown[]];

/** A packet comes between delete and create, so often: its entry is made by conntrack(8). */
class Raced extends Ctnetlink {
  private left: number;
  private readonly insert: readonly string[];

  constructor(left: number, insert: readonly string[]) {
    super();
    this.left = left;
    this.insert = insert;
  }

  override exchange(flow: FlowAddress, old: Entry | undefined, attributes: Uint8Array[]): number {
    if (this.left-- <= 0) return super.exchange(flow, old, attributes);
    if (old !== undefined) this.delete(flow, old);
    execFileSync('conntrack', this.insert, { stdio: 'ignore' });
    return super.exchange(flow, undefined, attributes);
  }
}

const conntrack = new Ctnetlink();

function perform([name, flow, ...args]: Op): unknown {
  switch (name) {
    case 'exchange':
      return exchange(conntrack, flow, Number(args[0]));
    case 'race':
      return exchange(
        new Raced(Number(args[1]), args[2] as readonly string[]),
        flow,
        Number(args[0]),
      );
    case 'label': {
      const plain = replacement(readEntry(flow.family, new Map()), flow, 0, 500_000);
      const labels = Uint8Array.from({ length: 16 }, (_, i) => (i === 3 ? 0x12 : 0));
      return conntrack.exchange(flow, undefined, [...plain, a.attribute(a.CTA_LABELS, labels)]);
    }
    case 'labels':
      return [...(conntrack.get(flow)?.attributes.get(a.CTA_LABELS) ?? [])];
    case 'show':
      return show(conntrack.get(flow));
    case 'can':
      return canExchange(conntrack);
    case 'survivors':
      return findSurvivors(conntrack).map((survivor) => [survivor.flow, show(survivor.entry)]);
    case 'keep': {
      const problem = keepTracking(args[0] as 'nft' | 'iptables', [4, 6]);
      return [problem, keepRuleStands()];
    }
    case 'drop':
      return [dropKeepRule(), keepRuleStands()];
    case 'tidy':
      return tidySurvivors(true);
    default:
      throw new Error(`no operation ${name}`);
  }
}

function show(entry: Entry | undefined): unknown {
  if (entry === undefined) return null;
  const { status, tcpState, timeoutS, replyOffset } = entry;
  return { status, tcpState, timeoutS, replyOffset, mark: a.int32(entry.attributes, a.CTA_MARK) };
}

const ops = JSON.parse(process.argv[2] ?? '[]') as Op[];
process.stdout.write(`${JSON.stringify(ops.map(perform))}\n`);
conntrack.close();
