/**
 * What stands in the way of looking after forwarded connections (`--hook gateway`), one line each:
 * NAT, flow offload, IPsec, VRF, routing by interface; bridges pass. Looks and changes nothing.
 *
 * What blocks here would make a connection worse than without us: its packets are not all seen, or
 * what we inject for it takes another way. Owns nothing.
 */
import { readFileSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE } from '../config/exit-codes.ts';
import type { CheckResult } from './check-result.ts';
import { run } from './rules/execute.ts';
import { findRewriters, meets } from './rules/rewriters.ts';
import { ruleInput } from './rules/rule-config.ts';

const RULE_CHARACTERS_MAX = 200;

/** For `check`: what is fine is said too. */
export function checkForwarding(config: Config): CheckResult[] {
  const vrf = checkVrf(config, devices('vrf'));
  if (!config.hooks.includes('gateway')) return vrf;
  const [ruleset, saved] = [run('nft', ['list', 'ruleset']), run('iptables-save', [])];
  return [
    checkSysctl(config),
    ...checkNat(config),
    checkOffload(`${ruleset.stdout}${saved.stdout}`),
    checkIpsec(config, run('ip', ['xfrm', 'policy']).stdout),
    checkBridges(),
    ...vrf,
    ...checkRouting(),
  ];
}

/** For a start: one line, and no rule of ours, where something blocks. The warnings otherwise. */
export function demandForwarding(config: Config): string[] {
  if (!config.hooks.includes('gateway')) return [];
  const results = checkForwarding(config);
  const blocking = results.find(({ level }) => level === 'blocks');
  if (blocking !== undefined) {
    throw new OperatorError(`Cannot use --hook gateway: ${blocking.line}`, EXIT_IMPOSSIBLE);
  }
  return results.filter(({ level }) => level === 'warning').map(({ line }) => line);
}

function checkSysctl(config: Config): CheckResult {
  const name = 'forwarding';
  const off = [
    [4, '/proc/sys/net/ipv4/ip_forward', 'net.ipv4.ip_forward'],
    [6, '/proc/sys/net/ipv6/conf/all/forwarding', 'net.ipv6.conf.all.forwarding'],
  ].filter(([family, path]) => {
    const wanted = config.targets.some((target) => target.family === family);
    return wanted && read(String(path)).trim() === '0';
  });
  if (off.length === 0) return { level: 'ok', name, line: 'this machine forwards' };
  const sysctls = off.map(([, , sysctl]) => `${sysctl} = 0`).join(', ');
  return { level: 'warning', name, line: `this machine forwards nothing (${sysctls})` };
}

function checkNat(config: Config): CheckResult[] {
  const name = 'nat';
  const found = findRewriters(ruleInput(config));
  if (found.length === 0) return [{ level: 'ok', name, line: 'no rule rewrites their addresses' }];
  return found.map(({ source, rule, concerns, destination }) => {
    const says = `"${source}" has "${rule}"`;
    if (destination || concerns === 'all') {
      const remedy = 'which rewrites addresses of these connections. Exempt the targets there';
      return { level: 'blocks', name, line: `${says}, ${remedy}` };
    }
    const line = `${says}: connections whose address it rewrites pass untouched`;
    return { level: 'warning', name, line };
  });
}

/** What is offloaded comes by no hook: its numbers would be old. */
export function checkOffload(rules: string): CheckResult {
  const name = 'flowtable';
  const rule = rules
    .split('\n')
    .find((line) => /\bflow (?:add|offload) @|-j FLOWOFFLOAD/.test(line));
  if (rule === undefined) return { level: 'ok', name, line: 'no rule offloads connections' };
  const says = `"${rule.trim().slice(0, RULE_CHARACTERS_MAX)}" takes established connections away`;
  const line = `${says} from every hook. Exempt the targets in that rule`;
  return { level: 'blocks', name, line };
}

/** What we inject has not got the client's address when the policy is looked up. */
export function checkIpsec(config: Pick<Config, 'targets'>, policies: string): CheckResult {
  const name = 'ipsec';
  const policy = policies.split(/^(?=src )/m).find((text) => {
    const to = /^src \S+ dst (\S+)/.exec(text)?.[1];
    if (to === undefined || !/\bdir out\b/.test(text) || /\bif_id\b/.test(text)) return false;
    return meets(config.targets, [to]);
  });
  if (policy === undefined) return { level: 'ok', name, line: 'no policy covers the targets' };
  const says = `the IPsec policy "${policy.split('\n')[0]?.trim()}" covers targets`;
  const line = `${says}, and packets that seqshim injects would leave without it`;
  return { level: 'blocks', name, line };
}

function checkBridges(): CheckResult {
  const name = 'bridge';
  const called = read('/proc/sys/net/bridge/bridge-nf-call-iptables').trim() === '1';
  const bridges = called ? devices('bridge') : [];
  if (bridges.length === 0) return { level: 'ok', name, line: 'no bridged frame comes by' };
  const line = `frames that ${bridges.join(', ')} passes on come by (br_netfilter), and pass untouched`;
  return { level: 'ok', name, line };
}

export function checkVrf(config: Pick<Config, 'hooks'>, devicesFound: string[]): CheckResult[] {
  const name = 'vrf';
  if (devicesFound.length === 0) return [];
  const names = devicesFound.join(', ');
  if (!config.hooks.includes('gateway')) {
    return [{ level: 'warning', name, line: `connections of the VRF ${names} pass untouched` }];
  }
  const line = `there is the VRF ${names}, and packets that seqshim injects are routed outside it`;
  return [{ level: 'blocks', name, line }];
}

/** What we inject comes from no interface. */
function checkRouting(): CheckResult[] {
  const rules = [['rule'], ['-6', 'rule']].flatMap((args) => run('ip', args).stdout.split('\n'));
  const rule = rules.find((line) => /\biif (?!lo\b)/.test(line));
  if (rule === undefined) return [];
  const says = `"ip rule" has "${rule.trim()}"`;
  const line = `${says}, which does not route what seqshim injects: see that both ends are reached`;
  return [{ level: 'warning', name: 'routing', line }];
}

function devices(type: string): string[] {
  const { stdout } = run('ip', ['-o', 'link', 'show', 'type', type]);
  return [...stdout.matchAll(/^\d+: ([^:@]+)/gm)].map((match) => match[1] ?? '');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
