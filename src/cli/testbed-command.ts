/** The command `testbed`: a part of the one table in commands.ts. Owns it only. */
import { type Command, flag, text } from './command.ts';

export const TESTBED_COMMAND: Command = {
  name: 'testbed',
  does: 'real clients through a firewall that misbehaves on purpose, without and with the shim',
  about:
    'Builds a jumpbox, a faulty firewall and a server out of network namespaces of its own, and runs ' +
    'ssh, scp, iperf3 and others through them. list: the scenarios that come with it. run: those ' +
    'named, or TOML files. matrix: all of them. shell: leaves one standing, says how to enter it, ' +
    'waits for Ctrl-C. Touches nothing else of this machine, cleans up after itself. Needs root.',
  positionals: [
    { name: 'what', help: 'what to do', choices: ['list', 'run', 'shell', 'matrix'] },
    {
      name: 'scenario',
      help: 'for run and shell: names of the list, or files that end in .toml',
      isOptional: true,
      isList: true,
    },
  ],
  options: [
    flag('without-shim', 'only that half'),
    flag('with-shim', 'only that half; for shell: with a shim that runs'),
    {
      name: 'repeat',
      type: 'number',
      value: 'N',
      fallback: '1',
      help: 'all of it so many times, from 1 to 100',
    },
    {
      name: 'labs',
      type: 'number',
      value: 'N',
      fallback: '4',
      help: 'so many side by side where no throughput is measured, from 1 to 16',
    },
    text('pcap', 'DIR', 'keep what the client saw there, a capture for each half'),
    text(
      'html',
      'OUT',
      'also write a page there, with the ladder of each first failure (mode 0600)',
    ),
    flag('json', 'as JSON'),
  ],
  examples: [
    ['seqshim testbed list', 'what there is'],
    ['seqshim testbed run idle-drop --without-shim --pcap /tmp', 'what it looks like'],
    ['seqshim testbed run ours.toml --repeat 5 --json', 'a firewall of one’s own'],
    ['seqshim testbed shell first-connection-reset', 'to look around in it'],
    ['seqshim testbed matrix --html matrix.html', 'all of them'],
  ],
  exits: {
    0: 'all as expected',
    1: 'something was not as expected',
    2: 'usage, or a scenario with mistakes, one line each',
    4: 'not possible here: not root, or a program is missing',
  },
  load: async () => (await import('./testbed.ts')).testbed,
};
