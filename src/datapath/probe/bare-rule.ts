/**
 * Keeps what arrives for some connections away from a running shim: our sockets' mark is on what
 * they send only, so one rule before the shim's own puts the same mark on what comes back.
 *
 * Owns that rule for the time of a probe. It is taken out by a process of its own that waits for
 * the end of ours, whatever ends it: left behind it would hide later connections from the shim.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { OperatorError } from '../../config/errors.ts';
import { EXIT_IMPOSSIBLE } from '../../config/exit-codes.ts';
import { run } from '../rules/execute.ts';
import type { Watched } from './packet-filter.ts';

export type RuleProgram = 'nft' | 'iptables';

const REMOVE_MS = 15_000;
/** Before the shim's chain in raw (-300). */
const PRIORITY = -310;
/** Of two at once each has its own. */
const TABLE_PREFIX = 'seqshim-probe-';

/** What puts the rule there, and what takes it away. */
export interface BareCommands {
  readonly add: readonly string[];
  readonly input: string;
  readonly remove: readonly string[];
}

export class BareRule {
  private readonly janitor: ChildProcess;

  static open(program: RuleProgram, watched: Watched, mark: number): BareRule {
    const { add, input, remove } = bareCommands(program, watched, mark, process.pid);
    const rule = new BareRule(remove);
    const [file = '', ...args] = add;
    const outcome = run(file, args, input);
    if (outcome.ok) return rule;
    rule.janitor.stdin?.end();
    const why = outcome.stderr.trim().split('\n')[0] ?? '';
    throw new OperatorError(
      `Cannot keep the shim out of the way of the probe: ${file}: ${why}`,
      EXIT_IMPOSSIBLE,
    );
  }

  private constructor(remove: readonly string[]) {
    // In a session of its own: Ctrl-C ends us, and not the one who cleans up behind us.
    const script = 'cat >/dev/null; PATH=$PATH:/usr/sbin:/sbin; exec "$@"';
    this.janitor = spawn('sh', ['-c', script, 'sh', ...remove], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.janitor.on('error', () => {}); // its exit says so
  }

  async close(): Promise<void> {
    this.janitor.stdin?.end();
    if (this.janitor.exitCode !== null) return;
    await once(this.janitor, 'exit', { signal: AbortSignal.timeout(REMOVE_MS) });
  }
}

export function bareCommands(
  program: RuleProgram,
  watched: Watched,
  mark: number,
  pid: number,
): BareCommands {
  const { family, farAddr, farPort, nearPortFirst, nearPortLast } = watched;
  const bits = `0x${mark.toString(16)}`;
  if (program === 'nft') {
    const table = `${TABLE_PREFIX}${pid}`;
    const from = `${family === 4 ? 'ip' : 'ip6'} saddr ${farAddr} tcp sport ${farPort}`;
    const rule = `${from} tcp dport ${nearPortFirst}-${nearPortLast} meta mark set meta mark or ${bits}`;
    const chain = `type filter hook prerouting priority ${PRIORITY}; policy accept;`;
    return {
      add: ['nft', '-f', '-'],
      input: `table inet ${table} {\n  chain raw {\n    ${chain}\n    ${rule}\n  }\n}\n`,
      remove: ['nft', 'delete', 'table', 'inet', table],
    };
  }
  const file = family === 4 ? 'iptables' : 'ip6tables';
  const match = ['-p', 'tcp', '-s', farAddr, '--sport', String(farPort)];
  const ports = ['--dport', `${nearPortFirst}:${nearPortLast}`];
  const comment = ['-m', 'comment', '--comment', `${TABLE_PREFIX}${pid}`];
  const target = ['-j', 'MARK', '--set-xmark', `${bits}/${bits}`];
  const rule = [...match, ...ports, ...comment, ...target];
  return {
    add: [file, '-w', '5', '-t', 'raw', '-I', 'PREROUTING', '1', ...rule],
    input: '',
    remove: [file, '-w', '5', '-t', 'raw', '-D', 'PREROUTING', ...rule],
  };
}
