/**
 * Coming and going: kill -9, down, remove.sh, SIGTERM, connections older than the shim, a log that
 * nobody reads. Live.
 */
import { once } from 'node:events';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { distFile } from '../../src/testbed/dist-file.ts';
import { FaultyPath } from '../../src/testbed/faulty-path.ts';
import { Lab, SSH_PORT } from '../../src/testbed/lab.ts';
import { runScenario } from '../../src/testbed/runner.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { ShimProcess } from '../../src/testbed/shim-process.ts';
import { ownRules } from './jumpbox.ts';
import { Session } from './session.ts';

const PHANTOM = 'phantom-synack-ws7';
const CHECK_MS = 5000;

let lab: Lab;
let shim: ShimProcess | undefined;
beforeAll(async () => {
  lab = await Lab.open();
});
afterEach(async () => {
  await shim?.stop();
  shim = undefined;
});
afterAll(async () => {
  await lab.close();
});

function cli(...args: string[]) {
  const all = [distFile('cli.js'), ...args, '--state-dir', `${lab.dir}/run`];
  return lab.jumpbox.run(process.execPath, all, 15_000);
}

describe('kill -9', () => {
  it('leaves clean and new connections working; down and a second run work', async () => {
    shim = await ShimProcess.open(lab);
    const session = new Session(lab);
    expect(await session.until('connected', 5000)).not.toBe(-1);
    expect(await session.echoes('before')).toBe(true);
    await shim.stop('SIGKILL');
    expect(await session.echoes('after')).toBe(true);
    expect((await lab.ssh(4, 'echo fine')).stdout).toContain('fine');
    expect(ownRules(lab).length).toBeGreaterThan(0);
    const down = await cli('down');
    expect(down.exitCode).toBe(0);
    expect(ownRules(lab)).toEqual([]);
    shim = await ShimProcess.open(lab);
    expect(await session.echoes('again')).toBe(true);
    session.close();
  });

  it('leaves rules that remove.sh takes away without Node', async () => {
    shim = await ShimProcess.open(lab);
    lab.jumpbox.call('iptables', ['-t', 'mangle', '-A', 'INPUT', '-p', 'tcp', '--dport', '99']);
    await shim.stop('SIGKILL');
    const env = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin'];
    const finished = await lab.jumpbox.run(
      'env',
      [...env.slice(1), 'sh', `${lab.dir}/run/remove.sh`],
      10_000,
    );
    expect(finished.exitCode).toBe(0);
    expect(ownRules(lab)).toEqual([]);
    expect(lab.jumpbox.call('iptables-save', ['-t', 'mangle'])).toContain('--dport 99');
    lab.jumpbox.call('iptables', ['-t', 'mangle', '-F']);
  });

  it('with a second run replaces what is left', async () => {
    shim = await ShimProcess.open(lab);
    const rules = ownRules(lab).length;
    await shim.stop('SIGKILL');
    shim = await ShimProcess.open(lab);
    expect(ownRules(lab).length).toBe(rules);
    expect((await lab.ssh(4, 'echo fine')).stdout).toContain('fine');
  });
});

/** A pipe that is full, and stays so. */
function fullPipe(): number {
  const path = `${lab.dir}/full`;
  lab.jumpbox.call('mkfifo', [path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    for (;;) writeSync(fd, '.'.repeat(4096));
  } catch {
    return fd;
  }
}

describe('a log that nobody reads', () => {
  it('stops neither repair nor status nor the end', async () => {
    const fd = fullPipe();
    const options = ['--target', '10.99.2.0/24', '--port', String(SSH_PORT)];
    const child = lab.jumpbox.start(
      process.execPath,
      [distFile('cli.js'), 'run', ...options, '--state-dir', `${lab.dir}/run`],
      { stdio: ['ignore', fd, 'inherit'] },
    );
    closeSync(fd);
    let status = await cli('status');
    for (let i = 0; i < 50 && status.exitCode !== 0; i++) {
      await pause(100);
      status = await cli('status');
    }
    const tally = await runScenario(lab, scenarioByName(PHANTOM), 4, 10, { width: 5 });
    expect(tally.errors).toEqual([]);
    status = await cli('status', '--json');
    expect(JSON.parse(status.stdout)).toMatchObject({
      state: 'ok',
      interventions: { reanchored: 10 },
    });
    child.kill('SIGTERM');
    const [exitCode] = (await once(child, 'exit')) as [number | null];
    expect(exitCode).toBe(0);
    expect(ownRules(lab)).toEqual([]);
  });
});

describe('SIGTERM', () => {
  it('without translated flows leaves nothing and exits 0', async () => {
    const older = new Session(lab);
    expect(await older.until('connected', 5000)).not.toBe(-1);
    shim = await ShimProcess.open(lab);
    expect(await older.echoes('older than the shim')).toBe(true);
    expect(await shim.stop()).toBe(0);
    expect(ownRules(lab)).toEqual([]);
    expect(await older.echoes('survives its end')).toBe(true);
    older.close();
  });

  it('ends a translated ControlMaster cleanly; the next ssh is fresh', async () => {
    const path = await FaultyPath.open(lab, scenarioByName(PHANTOM).fault);
    shim = await ShimProcess.open(lab);
    const socket = `${lab.dir}/mux`;
    const mux = [
      '-o',
      'ControlMaster=auto',
      '-o',
      `ControlPath=${socket}`,
      '-o',
      'ControlPersist=60',
    ];
    expect((await lab.ssh(4, 'echo first', mux)).stdout).toContain('first');
    expect((await lab.ssh(4, 'echo second', mux)).stdout).toContain('second');
    expect(shim.status()['translated']).toEqual({ kernel: 0, userspace: 1 });
    await path.close();
    expect(await shim.stop()).toBe(0);
    expect(shim.events('flow-ended').length).toBe(1);
    expect(ownRules(lab)).toEqual([]);
    await pause(500);
    const fresh = await lab.ssh(4, 'echo fresh', mux);
    expect(fresh.stdout).toContain('fresh');
    expect(fresh.ms).toBeLessThan(3000);
    await lab.ssh(4, '', [...mux, '-O', 'exit']);
  });
});

describe('the operator', () => {
  it('--for ends by itself, keep cancels it', async () => {
    shim = await ShimProcess.open(lab, ['--for', '3s']);
    expect((await cli('keep')).stdout).toContain('kept');
    await pause(3500);
    expect(shim.status()['state']).toBe('ok');
    await shim.stop();
    shim = await ShimProcess.open(lab, ['--for', '1s']);
    await pause(2500);
    expect(shim.child.exitCode).toBe(0);
    expect(ownRules(lab)).toEqual([]);
  });

  it('a second instance is refused with the pid of the first', async () => {
    shim = await ShimProcess.open(lab);
    const second = await cli('run', '--target', 'all');
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toContain(`pid ${shim.child.pid}`);
  });

  it('down wins: what it removed is not put back', async () => {
    shim = await ShimProcess.open(lab);
    expect((await cli('down', '--now')).exitCode).toBe(0);
    for (let i = 0; i < 2 * CHECK_MS && shim.status()['state'] === 'ok'; i += 250) await pause(250);
    expect(shim.status()['state']).toBe('degraded');
    await pause(CHECK_MS); // it looks at them again
    expect(ownRules(lab)).toEqual([]);
    expect((await lab.ssh(4, 'echo fine')).stdout).toContain('fine');
  });

  it('--no-rules uses the rules of `up`, also when they come back later', async () => {
    const rules = ['--target', '10.99.2.0/24,fd99:2::/64', '--port', '22'];
    expect((await cli('up', ...rules)).exitCode).toBe(0);
    const standing = ownRules(lab);
    shim = await ShimProcess.open(lab, ['--no-rules']);
    expect(shim.status()['rules']).toMatchObject({ installed: true });
    const path = await FaultyPath.open(lab, scenarioByName(PHANTOM).fault);
    expect((await lab.ssh(4, 'echo saved')).stdout).toContain('saved');
    expect((await cli('down', '--now')).exitCode).toBe(0);
    await pause(6000);
    expect(shim.status()['reasons']).toEqual(['rules are missing: run seqshim up']);
    expect((await cli('up', ...rules)).exitCode).toBe(0);
    await pause(6000);
    expect(shim.status()).toMatchObject({ state: 'ok', rules: { installed: true } });
    expect((await lab.ssh(4, 'echo again')).stdout).toContain('again');
    await path.close();
    expect(await shim.stop()).toBe(0);
    // Entries of translated connections wait for the next run.
    expect(ownRules(lab).filter((line) => !/--sport \d+ --dport \d/.test(line)).length).toBe(
      standing.length,
    );
    expect((await cli('down', '--now')).exitCode).toBe(0);
  });

  it('down stops a running shim for good', async () => {
    shim = await ShimProcess.open(lab);
    expect((await cli('down')).exitCode).toBe(0);
    await pause(500);
    expect(shim.child.exitCode).toBe(0);
    expect(ownRules(lab)).toEqual([]);
  });

  it('observe mode decides everything and changes nothing', async () => {
    const path = await FaultyPath.open(lab, scenarioByName('first-connection-reset-BRD').fault);
    shim = await ShimProcess.open(lab, ['--mode', 'observe']);
    const finished = await lab.ssh(4, 'echo never');
    expect(finished.exitCode).not.toBe(0);
    await pause(200);
    const status = shim.status();
    expect(status['interventions']).toEqual({});
    expect(status['adjustments']).toEqual({});
    expect(status['injected']).toBe(0);
    expect(status['findings']).toHaveProperty('synack-conflict', 1);
    expect(status['wouldIntervene']).toHaveProperty('synack-dropped');
    await path.close();
  });
});
