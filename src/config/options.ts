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
  | 'microseconds'
  | 'date';

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
  /** Without a value the command says which there are. */
  readonly mayBeBare?: true;
  /** SIGHUP applies a change to a running shim; without this a change waits for a restart. */
  readonly live?: true;
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
  option('target', 'list', 'CIDR|NAME|all', undefined, 'servers whose connections to look after', {
    live: true,
  }),
  option('exclude', 'list', 'CIDR|NAME', undefined, 'servers to leave alone', { live: true }),
  option('port', 'list', 'N', '22', 'server ports', { live: true }),
  option('direction', 'choice', 'WAY', 'out', 'who opens the connections: this machine is `out`', {
    choices: ['out', 'in', 'both'],
    live: true,
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
      live: true,
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
    live: true,
  }),
  option(
    'sack',
    'choice',
    'HOW',
    'auto',
    'what to do about SACK blocks that a firewall does not translate',
    { choices: ['auto', 'repair', 'strip', 'off'], live: true },
  ),
  option('mss-clamp', 'text', 'N|off', 'off', 'largest MSS that connections may offer, in octets', {
    live: true,
  }),
  option(
    'idle-action',
    'choice',
    'WHAT',
    'forget',
    'of connections that say nothing for long: ask their far end, end those that were dropped, or neither',
    { choices: ['keepalive', 'reset', 'forget'], live: true },
  ),
  option(
    'idle-after',
    'duration',
    'D',
    undefined,
    'when a connection is idle (else where its path has shown a limit: 0.8 of it, `reset`: all of it)',
    { live: true },
  ),
  option('budget', 'microseconds', 'D', '200', 'latency budget of a batch (bare number: µs)', {
    live: true,
  }),
  option(
    'busy-poll',
    'microseconds',
    'D',
    '50',
    'how long to poll before sleeping, while packets come that fast (bare number: µs)',
    { live: true },
  ),
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
  option(
    'evidence',
    'choice',
    'WHETHER',
    'on',
    'record headers of troubled connections there: as they came, as they went on, and why',
    { choices: ['on', 'off'], live: true },
  ),
  option('evidence-payload', 'number', 'BYTES', '0', 'payload that evidence may hold, a packet', {
    min: 0,
    max: 128,
    live: true,
  }),
  option('control', 'text', 'PATH', undefined, 'control socket (default control.sock there)'),
  option('expires', 'date', 'DATE', undefined, 'day after which it warns daily, and goes on', {
    live: true,
  }),
  option('ticket', 'text', 'TEXT', undefined, 'why it is here: in rules, `status` and log', {
    live: true,
  }),
  option(
    'metrics',
    'text',
    'HOST:PORT',
    undefined,
    'serve metrics for Prometheus there; a port alone is on 127.0.0.1',
  ),
  option(
    'metrics-file',
    'text',
    'FILE.prom',
    undefined,
    'write them there every 15 s, for the textfile collector of node_exporter',
  ),
  option('log-level', 'choice', 'LEVEL', 'info', 'least level that is logged', {
    choices: ['debug', 'info', 'warn', 'error'],
    live: true,
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
