/**
 * `testbed shell`: a lab with the scenario's faulty path that stands until Ctrl-C, and how to get
 * into it. Owns the lab while it stands.
 */
import { distFile } from '../testbed/dist-file.ts';
import { ADDRESS, ECHO_PORT, IPERF_PORT, Lab, SERVER_NETWORKS } from '../testbed/lab.ts';
import { openPath, shimOptions } from '../testbed/play-scenario.ts';
import type { ScenarioFile } from '../testbed/scenario-file.ts';
import { ShimProcess } from '../testbed/shim-process.ts';

export async function standingLab(scenario: ScenarioFile, withShim: boolean): Promise<void> {
  const lab = await Lab.open();
  try {
    if (withShim) await ShimProcess.open(lab, shimOptions(scenario));
    await openPath(lab, scenario);
    process.stdout.write(directions(lab, scenario, withShim));
    await untilInterrupted(lab);
  } finally {
    await lab.close();
  }
}

function directions(lab: Lab, scenario: ScenarioFile, withShim: boolean): string {
  const enter = (name: string) => `ip netns exec ${name}`;
  const jumpbox = enter(lab.jumpbox.name);
  const { jumpbox: client, server } = ADDRESS[4];
  const machines = [
    ['jumpbox', jumpbox, `${client}, ${ADDRESS[6].jumpbox}`],
    ['firewall', enter(lab.firewall.name), 'interfaces f0 (jumpbox), f1 (server)'],
    ['server', enter(lab.server.name), `${server}, ${ADDRESS[6].server}`],
  ] as const;
  const program = `${process.execPath} ${distFile('cli.js')}`;
  const stateDir = `${lab.dir}/run`;
  const shim = withShim
    ? `runs in the jumpbox: ${jumpbox} ${program} status --state-dir ${stateDir}`
    : `${jumpbox} ${program} run --target ${SERVER_NETWORKS} --state-dir ${stateDir}`;
  return [
    `${scenario.name} stands until Ctrl-C.`,
    '',
    ...machines.map(([name, line, what]) => `  ${name.padEnd(10)}${line} bash   # ${what}`),
    '',
    'A login:',
    `  ${jumpbox} ssh ${lab.sshOptions().join(' ')} ${server}`,
    `An echo server is on port ${ECHO_PORT}; for iperf3 start ${enter(lab.server.name)} iperf3 -s, port ${IPERF_PORT}.`,
    `The shim:`,
    `  ${shim}`,
    '',
  ].join('\n');
}

/**
 * Takes the lab down at once, before the lab's own handler sees it: that would end the program as
 * one that was interrupted.
 */
async function untilInterrupted(lab: Lab): Promise<void> {
  // Nothing else keeps the program alive.
  const alive = setInterval(() => undefined, 60_000);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.prependOnceListener(signal, () => {
        lab.closeNow();
        resolve();
      });
    }
  });
  clearInterval(alive);
}
