/**
 * The start-up self test of the datapath in the current network namespace: can the queue be had,
 * and does an injected packet arrive? Each failure is one line with its remedy. Loopback only.
 *
 * Owns nothing that outlives it. The rules have a test of their own (`datapath/rules`).
 */
import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { OperatorError } from '../../config/errors.ts';
import { EXIT_IMPOSSIBLE } from '../../config/exit-codes.ts';
import { INJECT_NEAR } from '../../engine/verdict.ts';
import { type InjectBackend, openInjector } from './injector.ts';
import { Queue } from './queue.ts';
import { datagram } from './self-test-datagram.ts';

export interface SelfTestResult {
  readonly name: 'queue' | 'inject-ipv4' | 'inject-ipv6';
  /** `absent`: this namespace has no such family, which is no fault. */
  readonly outcome: 'ok' | 'absent' | 'failed';
  /** What is wrong and what to do; empty when nothing is. */
  readonly line: string;
}

export interface SelfTestOptions {
  /** The first of `queueCount`. */
  readonly queueNum: number;
  readonly queueCount: number;
  readonly inject: InjectBackend | 'auto';
  readonly mark: number;
}

const ARRIVAL_MS = 500;

export async function runSelfTest(options: SelfTestOptions): Promise<readonly SelfTestResult[]> {
  return [testQueues(options), await testInject(options, 4), await testInject(options, 6)];
}

/** For a start: one line, where something fails. */
export async function demandSelfTest(options: SelfTestOptions): Promise<void> {
  const failed = (await runSelfTest(options)).find(({ outcome }) => outcome === 'failed');
  if (failed !== undefined) throw new OperatorError(failed.line, EXIT_IMPOSSIBLE);
}

function testQueues({ queueNum, queueCount }: SelfTestOptions): SelfTestResult {
  try {
    for (let i = 0; i < queueCount; i++) {
      new Queue({ queueNum: queueNum + i, lengthMax: 64, batchCount: 1 }).close();
    }
    return { name: 'queue', outcome: 'ok', line: '' };
  } catch (error) {
    return { name: 'queue', outcome: 'failed', line: messageOf(error) };
  }
}

async function testInject(options: SelfTestOptions, family: 4 | 6): Promise<SelfTestResult> {
  const name = family === 4 ? 'inject-ipv4' : 'inject-ipv6';
  const address = family === 4 ? '127.0.0.1' : '::1';
  const receiver = createSocket(family === 4 ? 'udp4' : 'udp6');
  try {
    await new Promise<void>((resolve, reject) => {
      receiver.once('error', reject);
      receiver.bind(0, address, resolve);
    });
  } catch {
    receiver.close();
    if (family === 6) return { name, outcome: 'absent', line: '' };
    const line = 'Cannot use 127.0.0.1 in this namespace. Run: ip link set lo up';
    return { name, outcome: 'failed', line };
  }
  try {
    const refusals: string[] = [];
    const arrived = await injectTo(receiver, family, options, refusals);
    if (arrived) return { name, outcome: 'ok', line: '' };
    return { name, outcome: 'failed', line: explain(family, refusals) };
  } catch (error) {
    return { name, outcome: 'failed', line: messageOf(error) };
  } finally {
    receiver.close();
  }
}

/** Sends one datagram through the injector, the way a held packet goes to the near end. */
async function injectTo(
  receiver: ReturnType<typeof createSocket>,
  family: 4 | 6,
  options: SelfTestOptions,
  refusals: string[],
): Promise<boolean> {
  const injector = openInjector({
    backend: options.inject,
    mark: options.mark,
    report: (line) => refusals.push(line),
  });
  try {
    return await new Promise<boolean>((resolve) => {
      const patience = setTimeout(() => resolve(false), ARRIVAL_MS);
      receiver.once('message', () => {
        clearTimeout(patience);
        resolve(true);
      });
      injector.send(INJECT_NEAR, datagram(family, (receiver.address() as AddressInfo).port));
    });
  } finally {
    injector.close();
  }
}

function explain(family: 4 | 6, refusals: readonly string[]): string {
  const refusal = refusals.join(' ');
  if (/EPERM|EACCES|not permitted|denied/i.test(refusal)) {
    return `Cannot inject IPv${family} packets: run as root, or with CAP_NET_RAW and CAP_NET_ADMIN`;
  }
  // Lists what is up only. A packet for 127.0.0.1 vanishes, or is refused, where it is down.
  if (!Object.values(networkInterfaces()).some((list) => list?.[0]?.internal)) {
    return `Cannot inject IPv${family} packets: loopback is down. Run: ip link set lo up`;
  }
  if (refusal !== '') return `Cannot inject IPv${family} packets: ${refusal}`;
  return (
    `Cannot inject IPv${family} packets: one sent to loopback did not arrive. Look for a rule ` +
    'that drops raw packets on lo: iptables-save, nft list ruleset'
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
