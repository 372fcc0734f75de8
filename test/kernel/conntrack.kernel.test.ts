/** Exchanging conntrack entries for such as shift sequence numbers, against the kernel. */
import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import * as entry from '../../src/datapath/conntrack/entry.ts';
import type { FlowAddress } from '../../src/telemetry/flow-address.ts';
import { buildProgram, FAR, Lab, NEAR } from './nfqueue-lab.ts';

const FLOW = { family: 4, nearAddr: NEAR, nearPort: 5000, farAddr: FAR, farPort: 22 } as const;
const SIX = { ...FLOW, family: 6, nearAddr: 'fd91::1', farAddr: 'fd91::2' } as const;
const OFFSET = -1_234_567_890;
const MARK = 0x41;
/** FIXED_TIMEOUT, SEQ_ADJUST, CONFIRMED, ASSURED, SEEN_REPLY. */
const STATUS = 0x44e;

let driver: string;
let lab: Lab;
beforeAll(async () => {
  driver = await buildProgram('conntrack-driver.ts');
});
afterAll(() => rmSync(driver, { force: true }));
beforeEach(() => {
  lab = new Lab('ct');
});
afterEach(() => lab.close());

function drive(...ops: readonly (readonly unknown[])[]): unknown[] {
  const printed = lab.inNear(process.execPath, driver, JSON.stringify(ops));
  return JSON.parse(printed) as unknown[];
}

/** Arguments of conntrack(8) that make the flow's entry. */
function insertion(extra: readonly string[] = [], flow: FlowAddress = FLOW): string[] {
  const ends = ['-s', flow.nearAddr, '-d', flow.farAddr, '--sport', '5000', '--dport', '22'];
  const state = ['--state', 'ESTABLISHED', '-u', 'SEEN_REPLY,ASSURED', '-t', '500000'];
  return ['-I', '-p', 'tcp', ...ends, ...state, '-m', '65', ...extra];
}

function insert(extra: readonly string[] = [], flow: FlowAddress = FLOW): void {
  lab.inNear('conntrack', ...insertion(extra, flow));
}

describe('the rule that keeps connection tracking going', () => {
  test.each(['nft', 'iptables'])('stands in %s, once, and goes again', (backend) => {
    const keep = ['keep', FLOW, backend];
    const outcomes = drive(keep, keep, ['drop', FLOW]);
    expect(outcomes).toEqual([
      ['', true],
      ['', true],
      [true, false],
    ]);
  });
});

describe('exchange()', () => {
  test.each([FLOW, SIX])('makes an entry that shifts, IPv$family', (flow) => {
    insert([], flow);
    const [done, after] = drive(['exchange', flow, OFFSET], ['show', flow]);
    expect(done).toEqual({ refused: 0, retries: 0 });
    expect(after).toMatchObject({ status: STATUS, tcpState: 3, replyOffset: OFFSET, mark: MARK });
    expect((after as { timeoutS: number }).timeoutS).toBeGreaterThan(499_000);
  });

  test('carries labels over', () => {
    // Only where some rule sets labels does the kernel keep any.
    lab.inNear('nft', 'add table inet t { chain c { ct label set 1; }; }');
    const [made, done, labels] = drive(
      ['label', FLOW],
      ['exchange', FLOW, OFFSET],
      ['labels', FLOW],
    );
    expect([made, done]).toEqual([0, { refused: 0, retries: 0 }]);
    expect(labels).toEqual([0, 0, 0, 0x12, ...new Array<number>(12).fill(0)]);
  });

  test('never shifts twice', () => {
    insert();
    const [, again, after] = drive(
      ['exchange', FLOW, OFFSET],
      ['exchange', FLOW, 77],
      ['show', FLOW],
    );
    expect(again).toEqual({ refused: entry.REFUSED_SHIFTED, retries: 0 });
    expect(after).toMatchObject({ replyOffset: OFFSET });
  });

  test('tries again when a packet comes between, and carries the first entry’s mark over', () => {
    insert();
    const raced = insertion().map((word) => (word === '65' ? '3' : word));
    const [done, after] = drive(['race', FLOW, OFFSET, 3, raced], ['show', FLOW]);
    expect(done).toEqual({ refused: 0, retries: 3 });
    expect(after).toMatchObject({ status: STATUS, replyOffset: OFFSET, mark: MARK });
  });

  test('gives up at some time, and leaves an entry that shifts nothing', () => {
    insert();
    const [done, after] = drive(['race', FLOW, OFFSET, 50, insertion()], ['show', FLOW]);
    expect(done).toEqual({ refused: entry.REFUSED_CREATE, retries: 8 });
    expect(after).toMatchObject({ replyOffset: 0, mark: MARK });
  });

  test.each([
    ['destination NAT', ['--dst-nat', '10.91.0.9'], entry.REFUSED_NAT],
    ['source NAT', ['--src-nat', '10.91.0.8'], entry.REFUSED_NAT],
    ['a zone', ['-w', '3'], entry.REFUSED_NO_ENTRY],
  ])('refuses an entry with %s, and leaves it', (_, extra, refused) => {
    insert(extra);
    const before = lab.inNear('conntrack', '-L', '-p', 'tcp', '-o', 'id');
    expect(drive(['exchange', FLOW, OFFSET])).toEqual([{ refused, retries: 0 }]);
    const after = lab.inNear('conntrack', '-L', '-p', 'tcp', '-o', 'id');
    expect(/id=\d+/.exec(after)?.[0]).toBe(/id=\d+/.exec(before)?.[0]);
  });

  test('refuses what conntrack does not call established, or does not know', () => {
    expect(drive(['exchange', FLOW, OFFSET])).toEqual([
      { refused: entry.REFUSED_NO_ENTRY, retries: 0 },
    ]);
    lab.inNear('conntrack', ...insertion().map((word) => word.replace('ESTABLISHED', 'SYN_RECV')));
    expect(drive(['exchange', FLOW, OFFSET])).toEqual([
      { refused: entry.REFUSED_STATE, retries: 0 },
    ]);
  });

  test('is tried before it is relied on, and leaves nothing behind', () => {
    expect(drive(['can', FLOW])).toEqual([true]);
    expect(lab.inNear('conntrack', '-L')).not.toContain('192.0.2');
  });
});

describe('survivors', () => {
  test('are recognised by their entries; those without a socket are over', () => {
    insert();
    insert([], SIX);
    lab.inNear('conntrack', ...insertion().map((word) => (word === '5000' ? '5001' : word)));
    const [, found, live, after] = drive(
      ['exchange', FLOW, OFFSET],
      ['survivors', FLOW],
      ['tidy', FLOW],
      ['show', FLOW],
    );
    expect(found).toMatchObject([[FLOW, { replyOffset: OFFSET }]]);
    expect(live).toBe(0);
    expect(after).toBeNull();
    expect(lab.inNear('conntrack', '-L', '-p', 'tcp')).toContain('sport=5001');
  });

  test('of forwarded ones those are over whose both ends have closed', () => {
    const forwarded = { ...FLOW, nearAddr: '10.91.7.7' };
    const other = { ...forwarded, nearAddr: '10.91.7.8' };
    for (const flow of [forwarded, other]) insert([], flow);
    drive(['exchange', forwarded, OFFSET], ['exchange', other, OFFSET]);
    const ends = ['-s', other.nearAddr, '-d', other.farAddr, '--sport', '5000', '--dport', '22'];
    lab.inNear('conntrack', '-U', '-p', 'tcp', ...ends, '--state', 'TIME_WAIT');
    const [live, left] = drive(['tidy', FLOW], ['survivors', FLOW]);
    expect(live).toBe(1);
    expect(left).toMatchObject([[forwarded, { replyOffset: OFFSET }]]);
  });
});
