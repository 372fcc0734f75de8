/**
 * Is this machine ready? Looks and changes nothing: privileges, queue, injection, firewall program,
 * marks, rules of others that matter, conntrack's load, routes, and the kernel's own counters of
 * the fault.
 */
import { existsSync, readFileSync } from 'node:fs';
import { type Config, MARK_BYPASS, MARK_INJECT } from '../config/config.ts';
import type { CheckResult } from './check-result.ts';
import { Ctnetlink } from './conntrack/ctnetlink.ts';
import { canExchange } from './conntrack/exchange.ts';
import { checkForwarding } from './forwarding.ts';
import { takeLock } from './instance-lock.ts';
import { runSelfTest } from './nfqueue/self-test.ts';
import { missingCapabilities } from './privileges.ts';
import { detectFirewall } from './rules/detect.ts';
import { run } from './rules/execute.ts';
import { iptablesFeatures, nftFeatures } from './rules/features.ts';
import { findLeftovers } from './rules/leftovers.ts';
import { findMarkConflicts } from './rules/mark-conflicts.ts';
import { ruleInput } from './rules/rule-config.ts';
import { NFT_TABLE } from './rules/rule-input.ts';
import { flowElements, flowEntries } from './rules/rule-look.ts';

/** Counters of the host's TCP that grow when a path behaves like this (`nstat -az`). */
const TELLTALES = [
  'TCPSYNChallenge',
  'TCPChallengeACK',
  'TCPACKSkippedChallenge',
  'TCPSACKDiscard',
] as const;
const CONNTRACK_FULL = 0.8;
const TARGETS_SHOWN = 16;

export async function preflight(config: Config): Promise<readonly CheckResult[]> {
  const privileges = checkPrivileges();
  const results = [privileges, checkContainer()];
  if (privileges.level === 'ok') {
    const heldBy = await runningPid();
    results.push(...(heldBy < 0 ? await checkDatapath(config) : [running(heldBy)]));
    results.push(
      ...checkFirewall(config),
      checkTranslation(config),
      checkMarks(),
      checkLeftovers(heldBy >= 0),
    );
  }
  results.push(checkInvalidRules(), checkConntrack(), checkFilter(), ...checkTargets(config));
  results.push(...checkForwarding(config));
  results.push(checkCounters());
  return results;
}

function checkPrivileges(): CheckResult {
  const name = 'privileges';
  const missing = missingCapabilities();
  if (missing.length === 0) return ok(name, 'CAP_NET_ADMIN and CAP_NET_RAW');
  const remedy = 'run as root, or add them to the container';
  const why = `${missing.join(' and ')} missing: ${remedy}`;
  return { level: 'blocks', name, line: why };
}

function checkContainer(): CheckResult {
  const found = existsSync('/.dockerenv') || existsSync('/run/.containerenv');
  const line = found
    ? 'in a container: only connections of its own network namespace are seen (--network host)'
    : 'no';
  return ok('container', line);
}

/** The process that holds the instance lock; -1: none. */
async function runningPid(): Promise<number> {
  const lock = await takeLock();
  if (!('release' in lock)) return lock.heldBy;
  lock.release();
  return -1;
}

function running(pid: number): CheckResult {
  return ok('running', `pid ${pid} has the queue already: its status says more`);
}

async function checkDatapath({ queueNum, queueCount }: Config): Promise<CheckResult[]> {
  const results = await runSelfTest({ queueNum, queueCount, inject: 'auto', mark: MARK_INJECT });
  return results.map(({ name, outcome, line }) => ({
    level: outcome === 'failed' ? 'blocks' : 'ok',
    name,
    line: outcome === 'ok' ? 'works' : outcome === 'absent' ? 'not on this host' : line,
  }));
}

function checkFirewall(config: Config): CheckResult[] {
  const found = detectFirewall(config.firewall, ruleInput(config));
  const name = 'firewall';
  if (found.backend === undefined) {
    const features = [...nftFeatures().map(named('nft')), ...iptablesFeatures().map(named('xt'))];
    const refused = features.filter((feature) => feature.level !== 'ok');
    return [{ level: 'blocks', name, line: found.because }, ...refused];
  }
  const families = found.families.length === 2 ? 'IPv4 and IPv6' : 'IPv4 only';
  const line = `${found.backend}, ${families}: ${found.because}`;
  const six = config.targets.some((target) => target.family === 6);
  return [{ level: six && found.families.length < 2 ? 'warning' : 'ok', name, line }];
}

/** Can conntrack translate here? Of no matter where nobody asks it to. */
function checkTranslation(config: Config): CheckResult {
  const name = 'translation';
  const conntrack = new Ctnetlink();
  try {
    if (canExchange(conntrack)) return ok(name, 'the kernel can translate (--translate kernel)');
  } finally {
    conntrack.close();
  }
  const why = 'by seqshim only: the kernel has no nf_conntrack_netlink, try modprobe';
  return { level: config.translate === 'kernel' ? 'warning' : 'ok', name, line: why };
}

function named(program: string): (feature: { name: string; problem: string }) => CheckResult {
  return ({ name, problem }) => ({
    level: problem === '' ? 'ok' : 'warning',
    name: program,
    line: problem === '' ? name : `${name}: ${problem}`,
  });
}

function checkMarks(): CheckResult {
  const name = 'marks';
  const [conflict] = findMarkConflicts(MARK_BYPASS | MARK_INJECT);
  if (conflict === undefined) return ok(name, 'bits 0x1000 and 0x2000 are free');
  const line = `bits 0x1000 or 0x2000 are used, see "${conflict.source}": ${conflict.rule}`;
  return { level: 'blocks', name, line };
}

function checkLeftovers(isRunning: boolean): CheckResult {
  const name = 'rules';
  const saved = ['iptables-save', 'ip6tables-save'].map((file) => run(file, []).stdout);
  const table = run('nft', ['list', 'table', 'inet', NFT_TABLE]);
  const stand = table.ok || saved.some((text) => findLeftovers(text).size > 0);
  if (!stand) return ok(name, 'none of ours');
  if (isRunning) return ok(name, 'ours stand');
  const flows = saved.reduce((n, text) => n + flowEntries(text), flowElements(table.stdout));
  if (flows > 0) {
    const drop = `ours stand and drop packets of ${flows} connections that nobody translates any more`;
    return { level: 'warning', name, line: `${drop}: start seqshim, or run seqshim down` };
  }
  return ok(name, 'ours stand, from `up` or an earlier run: a start replaces them, `down` removes');
}

function checkInvalidRules(): CheckResult {
  const name = 'invalid';
  const text = `${run('iptables-save', []).stdout}${run('nft', ['list', 'ruleset']).stdout}`;
  const rule = text
    .split('\n')
    .find((line) => /(ctstate|ct state).*invalid.*\b(drop|reject)/i.test(line));
  if (rule === undefined) return ok(name, 'no rule drops INVALID packets');
  return ok(name, `a rule drops INVALID packets, we act before it: ${rule.trim()}`);
}

function checkConntrack(): CheckResult {
  const name = 'conntrack';
  const count = Number(read('/proc/sys/net/netfilter/nf_conntrack_count'));
  const max = Number(read('/proc/sys/net/netfilter/nf_conntrack_max'));
  if (!(max > 0)) return ok(name, 'not in use');
  const line = `${count} of ${max} entries`;
  if (count < CONNTRACK_FULL * max) return ok(name, line);
  const remedy = 'nearly full, raise net.netfilter.nf_conntrack_max';
  return { level: 'warning', name, line: `${line}: ${remedy}` };
}

function checkFilter(): CheckResult {
  const value = read('/proc/sys/net/ipv4/conf/all/rp_filter').trim();
  return ok('rp_filter', `${value || '?'}: does not concern what we inject`);
}

/** Is each target reached over a wire? */
function checkTargets(config: Config): CheckResult[] {
  const single = config.targets.filter(({ cidr }) => !cidr.endsWith('/0'));
  return single.slice(0, TARGETS_SHOWN).map(({ family, cidr }): CheckResult => {
    const name = 'target';
    const address = cidr.split('/')[0] ?? '';
    const { stdout, ok: routed } = run('ip', [`-${family}`, 'route', 'get', address]);
    if (!routed) return { level: 'warning', name, line: `${cidr}: no route to it` };
    const device = /\bdev (\S+)/.exec(stdout)?.[1] ?? '?';
    if (device !== 'lo') return ok(name, `${cidr} over ${device}`);
    return { level: 'warning', name, line: `${cidr} is this machine: loopback is not inspected` };
  });
}

function checkCounters(): CheckResult {
  const [keys = '', values = ''] = read('/proc/net/netstat')
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'));
  const names = keys.split(' ');
  const numbers = values.split(' ');
  const found = TELLTALES.map((name) => `${name} ${numbers[names.indexOf(name)] ?? '?'}`);
  return ok('counters', found.join(', '));
}

function ok(name: string, line: string): CheckResult {
  return { level: 'ok', name, line };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
