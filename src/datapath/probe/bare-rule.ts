/**
 * Keeps the packets of some connections away from a running shim. Our sockets' mark is on what they
 * send only, not on what comes back, nor on a reset that the kernel sends when they are gone: two
 * rules before the shim's own put it on everything.
 *
 * Owns these rules for the time of a probe. They are taken out by a process of its own that waits
 * for the end of ours, whatever ends it: left behind they would hide later connections from the
 * shim.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { OperatorError } from '../../config/errors.ts';
import { EXIT_IMPOSSIBLE } from '../../config/exit-codes.ts';
import { RESTORE } from '../rules/detect.ts';
import { run } from '../rules/execute.ts';
import { PROBE_PREFIX } from '../rules/rule-input.ts';
import type { Watched } from './packet-filter.ts';

export type RuleProgram = 'nft' | 'iptables';

const REMOVE_MS = 15_000;
/** Of nft's chains: before the shim's in raw (-300) and mangle (-150). */
const BEFORE_RAW = -310;
const BEFORE_MANGLE = -160;

/** A program, what puts the rules in and what takes them out, both from standard input. */
export interface BareCommands {
  readonly program: readonly string[];
  readonly add: string;
  readonly remove: string;
}

export class BareRule {
  private readonly janitor: ChildProcess;
  private readonly name = `${PROBE_PREFIX}${process.pid}`;

  static open(kind: RuleProgram, watched: Watched, mark: number): BareRule {
    const commands = bareCommands(kind, watched, mark, process.pid);
    const rule = new BareRule(commands);
    const [file = '', ...args] = commands.program;
    const outcome = run(file, args, commands.add);
    if (outcome.ok) return rule;
    rule.janitor.stdin?.end();
    const why = outcome.stderr.trim().split('\n')[0] ?? '';
    throw new OperatorError(
      `Cannot keep the shim out of the way of the probe: ${file}: ${why}`,
      EXIT_IMPOSSIBLE,
    );
  }

  private constructor({ program, remove }: BareCommands) {
    // In a session of its own: Ctrl-C ends us, and not the one who cleans up behind us.
    const script =
      'cat >/dev/null; PATH=$PATH:/usr/sbin:/sbin; text=$1; shift; printf "%s" "$text" | "$@"';
    this.janitor = spawn('sh', ['-c', script, 'sh', remove, ...program], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.janitor.on('error', () => {}); // its exit says so
  }

  async close(): Promise<void> {
    this.janitor.stdin?.end();
    if (this.janitor.exitCode === null) {
      const signal = AbortSignal.timeout(REMOVE_MS);
      await once(this.janitor, 'exit', { signal }).catch(() => {}); // it hangs
    }
    if (this.janitor.exitCode === 0) return;
    throw new OperatorError(
      `Cannot take out the rules of the probe: look for ${this.name} in nft list ruleset and ` +
        'iptables-save, and remove them',
      EXIT_IMPOSSIBLE,
    );
  }
}

export function bareCommands(
  kind: RuleProgram,
  watched: Watched,
  mark: number,
  pid: number,
): BareCommands {
  const { family, farAddr, farPort, nearPortFirst, nearPortLast } = watched;
  // Of two at once each has its own.
  const name = `${PROBE_PREFIX}${pid}`;
  const bits = `0x${mark.toString(16)}`;
  if (kind === 'nft') {
    const ip = family === 4 ? 'ip' : 'ip6';
    const near = `${nearPortFirst}-${nearPortLast}`;
    const set = `meta mark set meta mark or ${bits} comment "${name}"`;
    const chain = (hook: string, priority: number, match: string) =>
      `  chain ${hook} {\n    type filter hook ${hook} priority ${priority}; policy accept;\n` +
      `    ${match} ${set}\n  }\n`;
    const arriving = `${ip} saddr ${farAddr} tcp sport ${farPort} tcp dport ${near}`;
    const leaving = `${ip} daddr ${farAddr} tcp dport ${farPort} tcp sport ${near}`;
    const chains =
      chain('prerouting', BEFORE_RAW, arriving) + chain('postrouting', BEFORE_MANGLE, leaving);
    return {
      program: ['nft', '-f', '-'],
      add: `table inet ${name} {\n${chains}}\n`,
      remove: `delete table inet ${name}\n`,
    };
  }
  const near = `${nearPortFirst}:${nearPortLast}`;
  const target = `-m comment --comment ${name} -j MARK --set-xmark ${bits}/${bits}`;
  const arriving = `-s ${farAddr} -p tcp --sport ${farPort} --dport ${near} ${target}`;
  const leaving = `-d ${farAddr} -p tcp --sport ${near} --dport ${farPort} ${target}`;
  const text = (raw: string, mangle: string) =>
    `*raw\n${raw} ${arriving}\nCOMMIT\n*mangle\n${mangle} ${leaving}\nCOMMIT\n`;
  return {
    program: [family === 4 ? RESTORE[4] : RESTORE[6], '--noflush', '-w', '5'],
    add: text('-I PREROUTING 1', '-I POSTROUTING 1'),
    remove: text('-D PREROUTING', '-D POSTROUTING'),
  };
}
