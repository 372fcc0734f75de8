/**
 * The one table of commands: what each is called, says, takes, and which file does it. The command
 * line, its `--help`, its completion and the manual page are made from it. Handlers are loaded when
 * they are called. Owns the table only.
 */
import { SUSPECT_IDS } from '../diagnose/suspects.ts';
import { type Command, flag, text } from './command.ts';
import { PROBE_COMMANDS } from './probe-commands.ts';
import { REPLAY_OPTIONS } from './replay-options.ts';
import { SHELLS } from './shells.ts';
import { SIMULATE_COMMAND } from './simulate-command.ts';
import { TESTBED_COMMAND } from './testbed-command.ts';

const JSON_FLAG = flag('json', 'as JSON');

export const COMMANDS: readonly Command[] = [
  {
    name: 'diagnose',
    does: 'say what happened in a pasted tcpdump text (- reads standard input)',
    about:
      'Reads what tcpdump printed, names the lines that matter, what they prove and what not, ranks ' +
      'the causes, and prints the command that decides. Reads ssh -v output too: how far ssh came, ' +
      'and what shows the rest. Ends with what it is not. Needs no root and changes nothing.',
    positionals: [
      {
        name: 'file',
        help: 'capture, or text that tcpdump or ssh -v printed; - is standard input',
        isOptional: true,
        isList: true,
      },
    ],
    options: [
      {
        name: 'explain',
        type: 'text',
        value: 'ID',
        fallback: undefined,
        help: 'instead of reading a file, say what a suspect is and how it is ruled out',
        choices: SUSPECT_IDS,
        mayBeBare: true,
      },
      {
        name: 'fail-on',
        type: 'choice',
        value: 'SEVERITY',
        fallback: 'warning',
        help: 'least severity that exits 1',
        choices: ['note', 'warning', 'error'],
      },
      flag(
        'both',
        'two files, the client’s side and the server’s: what was rewritten between them',
      ),
      flag('follow', 'say what is found while it comes in, one line each, then the report'),
      text('html', 'OUT', 'also write a page there, for whoever runs the firewall (mode 0600)'),
      flag('anonymize', 'other names for hosts, addresses and files, everywhere'),
      text(
        'anonymize-key',
        'KEYFILE',
        'do, with the key in it, made if it is missing [OUT.key; without --html a key for once]',
      ),
      JSON_FLAG,
    ],
    examples: [
      ['seqshim diagnose trace.txt', 'explain a trace that somebody pasted'],
      ['seqshim diagnose --explain mtu', 'what that suspect is, and what rules it out'],
      [
        'seqshim diagnose --follow -',
        'behind `tcpdump -U -w - tcp port 22 |`: each finding as it comes; Ctrl-C for the report',
      ],
      ['seqshim diagnose --both client.pcap server.pcap', 'what the firewall between them did'],
      [
        'seqshim diagnose trace.txt --html page.html --anonymize',
        'a page to send to somebody else; page.html.key stays here',
      ],
    ],
    exits: {
      0: 'nothing found',
      1: 'findings of at least --fail-on, or ssh says itself why it failed',
      2: 'not readable',
      4: 'not enough in it',
    },
    load: async () => (await import('./diagnose.ts')).diagnose,
  },
  {
    name: 'replay',
    does: 'put a capture through the engine: what each end would have received',
    about:
      'Judges the packets of a capture (pcap, pcapng, gzip of either) as a running shim would have, ' +
      'in the time of the capture, and writes what each end would have received as pcapng: what was ' +
      'injected is in it, what was dropped is not, comments give code and reason. Reads no ' +
      'configuration, needs no root. Questions that a shim asks stay without an answer.',
    positionals: [
      { name: 'in', help: 'capture, made at the near end; - is standard input' },
      { name: 'out', help: 'pcapng file to write' },
    ],
    options: [...REPLAY_OPTIONS, JSON_FLAG],
    examples: [
      [
        'seqshim replay broken.pcap repaired.pcapng --port 22',
        'would it have helped, and what with',
      ],
    ],
    exits: {
      0: 'a shim has nothing to do there',
      1: 'a shim has',
      2: 'not readable, or not writable',
      4: 'no packet of the targets in it',
    },
    load: async () => (await import('./replay.ts')).replay,
  },
  SIMULATE_COMMAND,
  ...PROBE_COMMANDS,
  {
    name: 'run',
    does: 'look after the connections to the targets',
    about:
      'Puts its rules in, looks after the connections until SIGTERM, SIGINT or the end of --for, ' +
      'and takes everything out again. SIGHUP reads the configuration again and applies all of it ' +
      'or nothing. Needs root.',
    takes: 'config',
    examples: [
      [
        'seqshim run --target 10.0.0.0/8 --mode observe --for 10m',
        'watch for ten minutes, change nothing, remove itself',
      ],
    ],
    exits: { 0: 'stopped for good', 1: 'another instance runs here', 4: 'not possible here' },
    load: async () => (await import('./run.ts')).run,
  },
  {
    name: 'status',
    does: 'what the running shim sees and does',
    about:
      'One page, or JSON, about the running shim: its state, its rules, what it found and did.',
    takes: 'control',
    options: [JSON_FLAG],
    examples: [['seqshim status --json', 'for a script or a monitor']],
    exits: { 0: 'all is well', 1: 'degraded: the page says why', 3: 'nothing is running' },
    load: async () => (await import('./status.ts')).status,
  },
  {
    name: 'top',
    does: 'the same, every second: rates, and what was repaired last (q leaves)',
    about:
      'Rates of packets, findings and repairs, latency, and the connections that were repaired last. ' +
      'Where no terminal reads it prints once.',
    takes: 'control',
    options: [flag('once', 'print once, as where no terminal reads')],
    examples: [['seqshim top --once', 'one page with the rates of one second']],
    exits: { 3: 'nothing is running' },
    load: async () => (await import('./top.ts')).top,
  },
  {
    name: 'report',
    does: 'what was repaired, where, and whether it is still needed',
    about:
      'Counts what was repaired of late, by destination and code. Safe to remove is said on canaries ' +
      'only: connections that went without a repair and did not need it.',
    takes: 'control',
    options: [
      { name: 'since', type: 'duration', value: 'D', fallback: '7d', help: 'how far back' },
      text(
        'html',
        'OUT',
        'also write a page of the recorded evidence there (mode 0600); works when nothing runs, too',
      ),
      JSON_FLAG,
    ],
    examples: [
      ['seqshim report --since 24h', 'the last day'],
      ['seqshim report --html page.html', 'for whoever runs the firewall: the packets, and why'],
    ],
    exits: {
      0: 'safe to remove',
      1: 'still needed',
      3: 'nothing is running',
      4: 'not enough evidence',
    },
    load: async () => (await import('./report.ts')).report,
  },
  {
    name: 'flows',
    does: 'the connections it knows, those in trouble first',
    about: 'Lists the connections that the running shim knows, with what it has found about them.',
    takes: 'control',
    options: [flag('all', 'all of them'), JSON_FLAG],
    examples: [['seqshim flows --all', 'more than the first thousand']],
    exits: { 3: 'nothing is running' },
    load: async () => (await import('./flows.ts')).flows,
  },
  {
    name: 'paths',
    does: 'what is known of destinations, and for how long',
    about: 'Lists the destinations that have shown a fault, and until when that is believed.',
    takes: 'control',
    options: [
      {
        name: 'forget',
        type: 'text',
        value: 'DEST',
        fallback: undefined,
        help: 'forget this destination: ADDRESS or ADDRESS:PORT',
      },
      JSON_FLAG,
    ],
    examples: [['seqshim paths --forget 10.2.0.7:22', 'the firewall before it has been mended']],
    exits: { 1: 'nothing was known of it', 3: 'nothing is running' },
    load: async () => (await import('./paths.ts')).paths,
  },
  {
    name: 'keep',
    does: 'cancel the end set by `run --for`',
    about: 'What was started for a trial goes on until it is stopped.',
    takes: 'control',
    examples: [['seqshim keep', 'the ten minutes were good']],
    exits: { 3: 'nothing is running' },
    load: async () => (await import('./keep.ts')).keep,
  },
  {
    name: 'up',
    does: 'install the rules without running (they bypass until something listens)',
    about:
      'Puts the rules in for a service whose restarts must not lose them: run --no-rules uses them. ' +
      'Needs root.',
    takes: 'config',
    examples: [['seqshim up --target 10.0.0.0/8', 'before seqshim run --no-rules']],
    exits: { 0: 'the rules stand', 4: 'not possible here' },
    load: async () => (await import('./up.ts')).up,
  },
  {
    name: 'down',
    does: 'remove every rule of ours, whoever installed them',
    about:
      'Asks a running shim to stop for good, then removes every rule of ours. Works with a broken ' +
      'configuration too. Needs root.',
    takes: 'control',
    options: [
      flag('now', 'at once, without letting a running shim end its translated connections'),
      flag('ended', 'only what ended connections of the kernel’s left behind; 1 while some live'),
    ],
    examples: [['seqshim down', 'out, for good']],
    exits: { 0: 'nothing of ours remains', 1: 'something remains', 4: 'not possible here' },
    load: async () => (await import('./down.ts')).down,
  },
  {
    name: 'rules',
    does: 'print the rules that would be installed (no root)',
    about: 'Prints what run and up would install, for review, or to install it by hand.',
    takes: 'config',
    options: [
      {
        name: 'format',
        type: 'choice',
        value: 'FORMAT',
        fallback: 'nft',
        help: 'sh: commands for both address families',
        choices: ['nft', 'iptables', 'sh'],
      },
    ],
    examples: [['seqshim rules --target 10.0.0.0/8 --format sh', 'a script to read, then to run']],
    exits: { 4: 'a name does not resolve' },
    load: async () => (await import('./rules.ts')).rules,
  },
  {
    name: 'check',
    does: 'is this machine ready for it? One line each: ok, warning, blocks',
    about: 'Tries what run needs (kernel, firewall, marks, injection) and changes nothing.',
    takes: 'config',
    options: [JSON_FLAG],
    examples: [['seqshim check --target 10.0.0.0/8', 'before the first run']],
    exits: { 0: 'ready', 1: 'ready, with warnings', 4: 'something blocks' },
    load: async () => (await import('./check.ts')).check,
  },
  {
    name: 'config',
    does: 'check the configuration files, or show what is set, and where',
    about:
      'check names every mistake in FILE, or in the files that are used without it, as FILE:LINE: ' +
      'key: what is allowed. show prints the value that each option has in the end, as TOML, and ' +
      'where it comes from.',
    takes: 'config',
    positionals: [
      { name: 'what', help: 'what to do with it', choices: ['check', 'show'] },
      { name: 'file', help: 'for check: TOML file or directory', isOptional: true },
    ],
    options: [JSON_FLAG],
    examples: [
      ['seqshim config check seqshim.toml', 'before it is installed'],
      ['seqshim config show --json', 'what holds here, and why'],
    ],
    exits: { 0: 'no mistake', 2: 'mistakes, one line each' },
    load: async () => (await import('./config.ts')).config,
  },
  TESTBED_COMMAND,
  {
    name: 'completion',
    does: 'print the completion of a shell',
    about: 'Prints a script that completes commands, options and their choices.',
    positionals: [{ name: 'shell', help: 'for which shell', choices: SHELLS }],
    examples: [
      [
        'seqshim completion bash > /etc/bash_completion.d/seqshim',
        'for everybody; . <(seqshim completion bash) for now',
      ],
    ],
    exits: {},
    load: async () => {
      const { completion } = await import('./completion.ts');
      return (args) => completion(args, COMMANDS);
    },
  },
];
