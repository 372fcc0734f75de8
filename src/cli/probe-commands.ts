/** The commands that ask the path itself: a part of the one table in commands.ts. Owns it only. */
import type { Command } from './command.ts';

export const PROBE_COMMANDS: readonly Command[] = [
  {
    name: 'probe',
    does: 'try the path to a server itself: a few connections, and what happened to them',
    about:
      'Connects a few times, a second apart, to the server’s first line and no further, watches the ' +
      'packets on the wire, and says what diagnose says of them. Always measures the bare path, ' +
      'also beside a running shim. Ctrl-C gives what was seen until then. Needs root.',
    takes: 'control',
    positionals: [{ name: 'target', help: 'HOST:PORT of the server' }],
    options: [
      {
        name: 'count',
        type: 'number',
        value: 'N',
        fallback: '5',
        help: 'attempts (each way, with --compare), from 1 to 100',
      },
      {
        name: 'compare',
        type: 'flag',
        value: '',
        fallback: undefined,
        help: 'as many attempts through the running shim, in turn with those without it',
      },
      {
        name: 'idle',
        type: 'duration',
        value: 'MAX',
        fallback: undefined,
        help: 'then silent connections side by side: when are they forgotten? Up to MAX [1h]',
        mayBeBare: true,
      },
      { name: 'json', type: 'flag', value: '', fallback: undefined, help: 'as JSON' },
    ],
    examples: [
      ['seqshim probe 10.0.0.7:22', 'is it the path?'],
      ['seqshim probe 10.0.0.7:22 --compare --count 20', 'does the running shim help?'],
      ['seqshim probe 10.0.0.7:22 --idle 10m', 'does something forget silent connections?'],
    ],
    exits: {
      0: 'every attempt succeeded, and nothing was found',
      1: 'findings, or attempts that failed',
      3: '--compare, and nothing is running',
      4: 'not possible here, or interrupted before anything was seen',
    },
    load: async () => (await import('./probe.ts')).probe,
  },
  {
    name: 'reflect',
    does: 'the far end of a probe: tells each client how its packets arrived',
    about:
      'Listens, and answers each connection with its own packets as they arrived here and left here: ' +
      'a probe of it knows both ends, and what was rewritten or stripped between them is proven. ' +
      'Tells nobody anything else, changes nothing, ends by itself. Needs root, to see the packets.',
    options: [
      { name: 'port', type: 'number', value: 'N', fallback: '4022', help: 'TCP port to listen on' },
      {
        name: 'address',
        type: 'text',
        value: 'A',
        fallback: '::',
        help: 'address to listen on; `::` is all of both families',
      },
      { name: 'for', type: 'duration', value: 'D', fallback: '1h', help: 'then it ends' },
    ],
    examples: [['seqshim reflect --port 4022', 'then, on the other end: seqshim probe HOST:4022']],
    exits: { 0: 'ended', 4: 'not possible here: not root, or the port is taken' },
    load: async () => (await import('./reflect.ts')).reflect,
  },
];
