/**
 * The one table of options: flags, TOML keys, help, defaults and documentation are all made from
 * it. Names are API: a test fails when one changes. Owns the table only.
 */
import { HOOKS } from './hook.ts';

export type OptionType =
  | 'text'
  | 'list'
  | 'number'
  | 'flag'
  | 'choice'
  | 'duration'
  | 'microseconds';

export interface OptionEntry {
  readonly name: string;
  readonly type: OptionType;
  /** As written on the command line; undefined: none. */
  readonly fallback: string | undefined;
  /** What the value is, in the usage: `--for D`. */
  readonly value: string;
  readonly help: string;
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
}

export const QUEUE_NUM_DEFAULT = 5011;

const option = (
  name: string,
  type: OptionType,
  value: string,
  fallback: string | undefined,
  help: string,
  extra: Partial<OptionEntry> = {},
): OptionEntry => ({ name, type, value, fallback, help, ...extra });

export const OPTIONS: readonly OptionEntry[] = [
  option('target', 'list', 'CIDR|NAME|all', undefined, 'servers whose connections to look after'),
  option('exclude', 'list', 'CIDR|NAME', undefined, 'servers to leave alone'),
  option('port', 'list', 'N', '22', 'server ports'),
  option('direction', 'choice', 'WAY', 'out', 'who opens the connections: this machine is `out`', {
    choices: ['out', 'in', 'both'],
  }),
  option('hook', 'list', 'WHERE', 'host', 'whose connections: of this `host`, or forwarded here', {
    choices: HOOKS,
  }),
  option(
    'mode',
    'choice',
    'MODE',
    'enforce',
    '`observe` decides and reports, and changes nothing',
    {
      choices: ['enforce', 'observe'],
    },
  ),
  option('for', 'duration', 'D', undefined, 'stop for good after this time unless `seqshim keep`'),
  option('firewall', 'choice', 'PROGRAM', 'auto', 'which program owns our rules', {
    choices: ['auto', 'nft', 'iptables'],
  }),
  option('rules', 'flag', '', 'true', '`--no-rules`: use those of `seqshim up`, install none'),
  option('queue-num', 'number', 'N', String(QUEUE_NUM_DEFAULT), 'netfilter queue number', {
    min: 0,
    max: 65_535,
  }),
  option('queues', 'number', 'N', '1', 'queues from there on, balanced, a packet thread for each', {
    min: 1,
    max: 64,
  }),
  option(
    'inspect',
    'choice',
    'HOW',
    'auto',
    '`auto` leaves the plain packets of settled connections to the kernel, `full` looks at all',
    { choices: ['auto', 'full'] },
  ),
  option(
    'translate',
    'choice',
    'WHERE',
    'user',
    'who translates a moved connection: seqshim (`user`), or conntrack where it can (`kernel`)',
    { choices: ['user', 'kernel'] },
  ),
  option('inject', 'choice', 'HOW', 'auto', 'how packets are injected', {
    choices: ['auto', 'raw-socket', 'koffi'],
  }),
  option('checksum-fill', 'choice', 'WHEN', 'auto', 'finish unfinished checksums of arrivals', {
    choices: ['off', 'auto', 'always'],
  }),
  option(
    'sack',
    'choice',
    'HOW',
    'auto',
    'what to do about SACK blocks that a firewall does not translate',
    { choices: ['auto', 'repair', 'strip', 'off'] },
  ),
  option('mss-clamp', 'text', 'N|off', 'off', 'largest MSS that connections may offer, in octets'),
  option(
    'idle-action',
    'choice',
    'WHAT',
    'forget',
    'of connections that say nothing for long: ask their far end, end those that were dropped, or neither',
    { choices: ['keepalive', 'reset', 'forget'] },
  ),
  option(
    'idle-after',
    'duration',
    'D',
    undefined,
    'when a connection is idle (else where its path has shown a limit: 0.8 of it, `reset`: all of it)',
  ),
  option('budget', 'microseconds', 'D', '200', 'latency budget of a batch (bare number: µs)'),
  option('flows', 'number', 'N', '65536', 'connections tracked at one time, per queue', {
    min: 64,
    max: 4_194_304,
  }),
  option(
    'state-dir',
    'text',
    'DIR',
    undefined,
    'files below DIR, not /run/seqshim and /var/lib/seqshim',
  ),
  option('control', 'text', 'PATH', undefined, 'control socket (default control.sock there)'),
  option('log-level', 'choice', 'LEVEL', 'info', 'least level that is logged', {
    choices: ['debug', 'info', 'warn', 'error'],
  }),
  option('log-format', 'choice', 'FORMAT', 'auto', '`auto` is text on a terminal, JSON elsewhere', {
    choices: ['auto', 'json', 'text'],
  }),
];

/** The README's table. */
export function optionsMarkdown(): string {
  const rows = OPTIONS.map((entry) => {
    const flag = entry.type === 'flag' ? `--no-${entry.name}` : `--${entry.name} ${entry.value}`;
    const choices = entry.choices === undefined ? '' : ` (${entry.choices.join(', ')})`;
    const fallback = entry.type === 'flag' ? '' : (entry.fallback ?? '');
    return `| \`${flag.replaceAll('|', '\\|')}\` | ${entry.help}${choices} | ${fallback} |`;
  });
  return ['| option | meaning | default |', '| --- | --- | --- |', ...rows].join('\n');
}
