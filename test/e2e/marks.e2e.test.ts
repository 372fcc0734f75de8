/**
 * Other people's marks: policy routing by fwmark, a rule that sets the whole mark and one that sets
 * the DSCP, all behind our jump, do what they do without us; no mark of ours leaves. Live.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ADDRESS, ECHO_PORT, type Lab } from '../../src/testbed/lab.ts';
import { attempts } from '../../src/testbed/runner.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { bulk } from './bulk.ts';
import { dropInvalid } from './jumpbox.ts';
import { withFault, withLab, withShim } from './live-parts.ts';
import { counted, Tcpdump } from './witness.ts';

const COUNT = 4;
const TABLE = '100';
const OURS = ['0x1000', '0x2000'] as const;
const EF = 0x2e;
/** tcpdump reads its buffer once a second. */
const TAIL_MS = 1500;
const SSH = scenarioByName('healthy').attempt;
const TO_SERVER = ['-p', 'tcp', '-d', ADDRESS[4].network];

function rule(lab: Lab, chain: string, what: readonly string[]): void {
  lab.jumpbox.call('iptables', ['-t', 'mangle', '-A', chain, ...TO_SERVER, ...what]);
}

function counter(lab: Lab, chain: string, comment: string, ...match: string[]): void {
  rule(lab, chain, [...match, '-m', 'comment', '--comment', comment]);
}

/** Counts, on the way out and behind our rules, what carries a mark of ours. */
function countOurMarks(lab: Lab): void {
  for (const bit of OURS) {
    counter(lab, 'POSTROUTING', `bit ${bit}`, '-m', 'mark', '--mark', `${bit}/${bit}`);
  }
}

function ourMarks(lab: Lab): number[] {
  return OURS.map((bit) => counted(lab, 'mangle', 'POSTROUTING', `bit ${bit}`));
}

/** The second way to the firewall, for what carries mark 1: answers still come by the first. */
function secondWay(lab: Lab): void {
  const { jumpbox, firewall } = lab;
  const far = ['peer', 'name', 'f2', 'netns', firewall.name];
  jumpbox.call('ip', ['link', 'add', 'c1', 'type', 'veth', ...far]);
  jumpbox.call('ip', ['addr', 'add', '10.99.3.1/24', 'dev', 'c1']);
  firewall.call('ip', ['addr', 'add', '10.99.3.2/24', 'dev', 'f2']);
  jumpbox.call('ip', ['link', 'set', 'c1', 'up']);
  firewall.call('ip', ['link', 'set', 'f2', 'up']);
  for (const namespace of [jumpbox, firewall]) {
    for (const key of ['all', 'default']) {
      namespace.call('sysctl', ['-qw', `net.ipv4.conf.${key}.rp_filter=0`]);
    }
  }
  jumpbox.call('ip', ['rule', 'add', 'fwmark', '0x1', 'table', TABLE]);
  const route = ['default', 'via', '10.99.3.2', 'dev', 'c1', 'table', TABLE];
  jumpbox.call('ip', ['route', 'add', ...route]);
}

/** Logins, and octets both ways. */
async function traffic(lab: Lab): Promise<void> {
  const tally = await attempts(lab, 4, SSH, COUNT, 2);
  expect(tally.errors).toEqual([]);
  const moved = await Promise.all([bulk(lab, 4, 'up', 1e6), bulk(lab, 4, 'down', 1e6)]);
  for (const { ok, error } of moved) expect(ok, error).toBe(true);
}

const FAULTS = ['healthy', 'double-endpoint', 'phantom-synack-ws7'] as const;

/** The faults side by side, a lab with a shim for each. */
function beside(work: (lab: Lab, name: string, whileFaulty: Faulty) => Promise<void>) {
  return Promise.all(
    FAULTS.map((name) => {
      const { fault } = scenarioByName(name);
      return withLab((lab) =>
        work(lab, name, (inner) => withShim(lab, () => withFault(lab, fault, inner))),
      );
    }),
  );
}

type Faulty = (inner: () => Promise<void>) => Promise<void>;

describe('other people’s rules', () => {
  it('policy routing by fwmark takes the same way, what we inject too', async () => {
    await beside(async (lab, name, whileFaulty) => {
      secondWay(lab);
      rule(lab, 'OUTPUT', ['-j', 'MARK', '--set-mark', '0x1']);
      await whileFaulty(async () => {
        countOurMarks(lab);
        const [first, second] = [await Tcpdump.wire(lab), await Tcpdump.wire(lab, 'c1')];
        await traffic(lab);
        await pause(TAIL_MS);
        expect((await first.stop()).filter(isLeaving).length, name).toBe(0);
        expect((await second.stop()).filter(isLeaving).length, name).toBeGreaterThan(100);
        expect(ourMarks(lab), name).toEqual([0, 0]);
      });
    });
  });

  it('a whole-value mark and a DSCP behind our jump are on every packet, once', async () => {
    await beside(async (lab, name, whileFaulty) => {
      await whileFaulty(async () => {
        countOurMarks(lab);
        counter(lab, 'POSTROUTING', 'passed');
        rule(lab, 'POSTROUTING', ['-j', 'MARK', '--set-mark', '0x1']);
        rule(lab, 'POSTROUTING', ['-j', 'DSCP', '--set-dscp', String(EF)]);
        counter(lab, 'POSTROUTING', 'marked', '-m', 'mark', '--mark', '0x1');
        const wire = await Tcpdump.wire(lab);
        await traffic(lab);
        const passed = await settled(() => counted(lab, 'mangle', 'POSTROUTING', 'passed'));
        const leaving = (await wire.stop()).filter(isLeaving);
        expect(leaving.length, name).toBeGreaterThan(100);
        expect(leaving.filter((packet) => (packet[1] ?? 0) >> 2 !== EF).length, name).toBe(0);
        expect(passed, name).toBe(leaving.length);
        expect(counted(lab, 'mangle', 'POSTROUTING', 'marked'), name).toBeGreaterThanOrEqual(
          passed,
        );
        // What we inject carries its bit until a rule of the administrator's takes it.
        const [judged, injected] = ourMarks(lab);
        expect(judged, name).toBe(0);
        if (name === 'healthy') expect(injected).toBe(0);
      });
    });
  });
});

/** A count that has not changed while tcpdump has read its buffer. */
async function settled(read: () => number): Promise<number> {
  let count = read();
  for (let tries = 0; tries < 10; tries++) {
    await pause(TAIL_MS);
    const now = read();
    if (now === count) return now;
    count = now;
  }
  return count;
}

describe('a re-used port', () => {
  it.each(['healthy', 'phantom-synack-ws7'])('inherits no mark: %s', async (name) => {
    await withLab(async (lab) => {
      await withShim(lab, () =>
        withFault(lab, scenarioByName(name).fault, async () => {
          dropInvalid(lab); // conntrack runs only while some rule asks for it
          countOurMarks(lab);
          expect(await talkFrom(lab, 40_001)).toBe('hello');
          expect(marks(lab, 40_001)).toEqual(['0']);
          expect(await talkFrom(lab, 40_001)).toBe('hello');
          expect(marks(lab, 40_001)).toEqual(['0']);
          expect(ourMarks(lab)[0]).toBe(0);
          if (name === 'healthy') expect(ourMarks(lab)[1]).toBe(0);
        }),
      );
    });
  });
});

/** Says hello from a source port; the server then resets the connection: the port is free again. */
async function talkFrom(lab: Lab, port: number): Promise<string> {
  const where = `{ port: ${ECHO_PORT}, host: '${ADDRESS[4].server}', localPort: ${port} }`;
  const script = `const socket = require('node:net').connect(${where});
    socket.on('connect', () => socket.write('hello'));
    socket.on('data', (chunk) => { process.stdout.write(chunk); socket.write('RESET'); });
    socket.on('error', (error) => { if (error.code !== 'ECONNRESET') console.log(error.code); });`;
  return (await lab.jumpbox.run(process.execPath, ['-e', script], 10_000)).stdout;
}

function marks(lab: Lab, port: number): string[] {
  const text = lab.jumpbox.tryCall('conntrack', ['-L', '-p', 'tcp', '--sport', String(port)]);
  return [...text.matchAll(/ mark=(\d+)/g)].map((match) => match[1] ?? '');
}

function isLeaving(packet: Uint8Array): boolean {
  return packet[13] === 99 && packet[14] === 1; // 10.99.1.1
}
