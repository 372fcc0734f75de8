/**
 * What the testbed's strict box drops is what conntrack calls INVALID: the same random segments,
 * near every edge of the windows, through both.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../src/datapath/sim/random.ts';
import { ACK, PSH, RST, SYN } from '../../src/engine/wire/segment.ts';
import { readComposition } from '../../src/testbed/firewall/behaviour.ts';
import { Chain } from '../../src/testbed/firewall/chain.ts';
import { Packet } from '../../src/testbed/firewall/packet.ts';
import { SEED, SEED_HINT } from '../helpers/seed.ts';
import { type SegmentSpec, seg } from '../helpers/segment-builder.ts';
import { buildProgram, FAR, Lab, NEAR, run } from './nfqueue-lab.ts';

const FLOW_COUNT = 60;
const SEGMENT_COUNT = 40;
const WND = 400;
const EDGES = [0, 0, 0, 1, -1, -50, 350, 401, 420, 1500, 1700, 3000, -70_000, 200_000, 1 << 30];

interface Sent {
  readonly fromNear: boolean;
  readonly bytes: Uint8Array;
  readonly what: string;
}

/** A handshake, and then what two ends might send, or somebody who guesses. */
function conversation(flow: number, random: Random): Sent[] {
  const wndScale = random.between(0, 2);
  const next = { near: random.int32(), far: random.int32() };
  const sent: Sent[] = [];
  const send = (fromNear: boolean, spec: SegmentSpec): void => {
    const ports = [50_000 + flow, 22] as const;
    const [src, dst, srcPort, dstPort] = fromNear
      ? [NEAR, FAR, ...ports]
      : [FAR, NEAR, ports[1], ports[0]];
    const whole = { wnd: WND, ...spec, src, dst, srcPort, dstPort };
    sent.push({ fromNear, bytes: seg(whole), what: JSON.stringify(whole) });
  };
  send(true, { flags: SYN, seq: next.near++, wndScale, sackPermitted: true });
  send(false, { flags: SYN | ACK, seq: next.far++, ack: next.near, wndScale, sackPermitted: true });
  send(true, { seq: next.near, ack: next.far });
  for (let k = 0; k < SEGMENT_COUNT; k++) {
    const fromNear = random.chance(0.5);
    const [own, other] = fromNear ? [next.near, next.far] : [next.far, next.near];
    const seq = (own + random.pick(EDGES)) | 0;
    const ack = (other + random.pick(EDGES)) | 0;
    const isReset = random.chance(0.1);
    const payload = random.chance(0.5) ? 'x'.repeat(random.between(1, 300)) : '';
    const edge = (other + random.pick(EDGES)) | 0;
    const sack = random.chance(0.2) ? { sack: [[edge, edge + 20] as [number, number]] } : {};
    if (isReset) send(fromNear, { flags: RST, seq });
    else send(fromNear, { flags: ACK | PSH, seq, ack, payload, ...sack });
    if (isReset || seq !== own) continue;
    if (fromNear) next.near = (next.near + payload.length) | 0;
    else next.far = (next.far + payload.length) | 0;
  }
  return sent;
}

function throughBox(packets: readonly Sent[]): boolean[] {
  let passed = 0;
  const behaviours = [{ kind: 'strict-sequence' }] as const;
  const chain = new Chain(readComposition({ behaviours: [...behaviours] }), () => passed++);
  return packets.map(({ bytes, fromNear }) => {
    const before = passed;
    chain.enter(new Packet(bytes, fromNear), 0);
    return passed > before;
  });
}

describe('strict-sequence and conntrack', () => {
  let driver: string;
  let lab: Lab;
  beforeAll(async () => {
    driver = await buildProgram('invalid-driver.ts');
    lab = new Lab('inv');
    const invalid = ['-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'DROP'];
    lab.inNear('iptables', '-t', 'mangle', '-A', 'OUTPUT', ...invalid);
    // Nobody answers: what is sent is all there is.
    for (const space of [lab.near, lab.far]) {
      run('ip', 'netns', 'exec', space, 'iptables', '-A', 'INPUT', '-p', 'tcp', '-j', 'DROP');
    }
    lab.inNear('sysctl', '-qw', 'net.netfilter.nf_conntrack_tcp_loose=0');
  });
  afterAll(() => {
    lab.close();
    rmSync(driver, { force: true });
  });

  test(`agree on every one of ${FLOW_COUNT * SEGMENT_COUNT} segments (${SEED_HINT})`, () => {
    const random = new Random(SEED);
    const packets = Array.from({ length: FLOW_COUNT }, (_, k) => conversation(k, random)).flat();
    const args = ['netns', 'exec', lab.near, process.execPath, driver];
    const input = JSON.stringify(packets.map(({ bytes }) => Buffer.from(bytes).toString('hex')));
    const byKernel = JSON.parse(execFileSync('ip', args, { input, encoding: 'utf8' })) as boolean[];
    const byBox = throughBox(packets);
    const differ = packets.flatMap(({ what }, k) =>
      byBox[k] === byKernel[k] ? [] : [`kernel ${byKernel[k]}, box ${byBox[k]}: ${k} ${what}`],
    );
    expect(differ.slice(0, 5)).toEqual([]);
    const dropped = byKernel.filter((taken) => !taken).length;
    expect(dropped).toBeGreaterThan(packets.length / 10);
    expect(dropped).toBeLessThan((packets.length * 9) / 10);
  });
});
