/**
 * The package and its units under a real systemd, from installation to purge, in the order of an
 * operator's life with them. The machine's network is the jumpbox of a lab.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FaultyPath } from '../../src/testbed/faulty-path.ts';
import { Lab } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { ownRules } from '../e2e/jumpbox.ts';
import { Session } from '../e2e/session.ts';
import { Machine } from './machine.ts';
import { buildPackage } from './packages.ts';

const SERVICE = 'seqshim.service';
const RULES = 'seqshim-rules.service';
const CONFIG = '/etc/seqshim/seqshim.toml';
const TARGET = 'target = ["10.99.2.0/24", "fd99:2::/64"]\nport = [22, 7]\n';
const DROP_IN = '/run/systemd/system/seqshim.service.d/test.conf';
/** CAP_NET_ADMIN and CAP_NET_RAW. */
const CAPABILITIES = '0000000000003000';
const EXPOSURE_MAX = 2.0;
const GIVES_UP_MS = 60_000;

let lab: Lab;
let machine: Machine;
beforeAll(async () => {
  const debs = [buildPackage('deb', '1'), buildPackage('deb', '2')];
  lab = await Lab.open();
  machine = await Machine.boot('seqshim-test', `/run/netns/${lab.jumpbox.name}`);
  for (const [i, deb] of debs.entries()) copyFileSync(deb, machine.path(`/opt/${i + 1}.deb`));
  copyFileSync(buildPackage('tarball'), machine.path('/opt/tree.tar.gz'));
});
afterAll(async () => {
  await machine?.halt();
  await lab?.close();
});

const install = (release: 1 | 2) =>
  machine.call('dpkg', '--force-unsafe-io', '-i', `/opt/${release}.deb`);
const state = (unit: string) => machine.show(unit, 'ActiveState');
const pid = () => Number(machine.show(SERVICE, 'MainPID'));
const journal = (unit: string) => machine.call('journalctl', '-o', 'cat', '--no-pager', '-u', unit);
const status = () => JSON.parse(machine.call('seqshim', 'status', '--json')) as { state: string };
const configure = (text: string) => writeFileSync(machine.path(CONFIG), text);

const NOTHING = { files: '', users: '', units: '' };

/** What is left of it anywhere. */
function remains(): typeof NOTHING {
  const places = '/etc /usr /var/lib /var/cache /run /opt /tmp /srv';
  return {
    files: machine.sh(`find ${places} -xdev -iname '*seqshim*'`),
    users: machine.sh('cat /etc/passwd /etc/group /etc/shadow | grep seqshim || true'),
    units: machine.sh('systemctl list-units --all --no-legend "seqshim*"'),
  };
}

async function isOk(): Promise<void> {
  await machine.until('the service is ok', () => {
    return state(SERVICE) === 'active' && machine.run('seqshim', 'status').exitCode === 0;
  });
}

describe('the package', () => {
  it('installs without starting, and says what is missing', () => {
    expect(install(1)).toMatch(/name the servers in \/etc\/seqshim\/seqshim\.toml/);
    machine.call('systemctl', 'start', SERVICE);
    expect([state(SERVICE), state(RULES)]).toEqual(['inactive', 'inactive']);
    expect(journal(SERVICE)).toContain('Not started: no target. Name the servers in');
    expect(machine.show(SERVICE, 'UnitFileState')).toBe('enabled');
    expect(ownRules(lab)).toEqual([]);
  });

  it('starts once a target is named, as a user of its own', async () => {
    configure(TARGET);
    machine.call('systemctl', 'start', SERVICE);
    await isOk();
    expect(status().state).toBe('ok');
    expect(machine.show(SERVICE, 'StatusText')).toMatch(/^looking after connections to 10\.99/);
    expect(ownRules(lab).length).toBeGreaterThan(0);
    const kernel = machine.call('cat', `/proc/${pid()}/status`);
    expect(/^CapEff:\s*(\w+)/m.exec(kernel)?.[1]).toBe(CAPABILITIES);
    expect(/^CapBnd:\s*(\w+)/m.exec(kernel)?.[1]).toBe(CAPABILITIES);
    expect(machine.call('ps', '-o', 'user=', '-p', String(pid())).trim()).toBe('seqshim');
    expect(machine.call('stat', '-c', '%G %a', '/run/seqshim/control.sock')).toBe('seqshim 660\n');
    expect(journal(SERVICE)).not.toMatch(/"level":"(warn|error)"/);
    expect((await lab.ssh(4, 'echo fine')).stdout).toContain('fine');
  });

  it('is exposed no more than 2.0, as systemd-analyze counts', () => {
    for (const unit of [SERVICE, RULES]) {
      const text = machine.run('systemd-analyze', 'security', '--no-pager', unit).text;
      const exposure = /Overall exposure level for \S+: ([\d.]+)/.exec(text)?.[1];
      expect(Number(exposure)).toBeLessThanOrEqual(EXPOSURE_MAX);
    }
  });

  it('names a remove.sh that its own user cannot change', () => {
    expect(ownRules(lab).join('\n')).toContain('sh /usr/lib/seqshim/remove.sh');
    expect(machine.call('stat', '-c', '%U %a', '/usr/lib/seqshim/remove.sh')).toBe('root 755\n');
    expect(machine.call('ls', '/run/seqshim')).not.toContain('remove.sh');
  });
});

describe('the service', () => {
  it('repairs', async () => {
    const path = await FaultyPath.open(lab, scenarioByName('phantom-synack-ws7').fault);
    try {
      expect((await lab.ssh(4, 'echo fine')).stdout).toContain('fine');
    } finally {
      await path.close();
    }
    expect(status()).toMatchObject({ interventions: { reanchored: 1 } });
  });

  it('comes back behind kill -9, its rules standing meanwhile', async () => {
    const before = { pid: pid(), rules: ownRules(lab).length };
    const session = new Session(lab);
    expect(await session.until('connected', 5000)).not.toBe(-1);
    machine.call('kill', '-9', String(before.pid));
    expect(ownRules(lab).length).toBe(before.rules);
    await machine.until('another process runs', () => ![0, before.pid].includes(pid()));
    await isOk();
    expect(await session.echoes('after')).toBe(true);
    session.close();
  });

  it('is killed by the watchdog when it stands still, and comes back', async () => {
    const before = pid();
    machine.call('kill', '-STOP', String(before));
    await machine.until('another process runs', () => ![0, before].includes(pid()));
    await isOk();
    expect(journal(SERVICE)).toContain('Watchdog timeout');
  });

  it('keeps its rules at a restart', async () => {
    const before = machine.show(RULES, 'InvocationID');
    machine.call('systemctl', 'restart', SERVICE);
    await isOk();
    expect(machine.show(RULES, 'InvocationID')).toBe(before);
  });

  it('leaves no rule when it is stopped', async () => {
    machine.call('systemctl', 'stop', SERVICE);
    await machine.until('the rules are out', () => state(RULES) === 'inactive');
    expect(ownRules(lab)).toEqual([]);
    machine.call('systemctl', 'start', SERVICE);
    await isOk();
  });

  it('leaves no rule behind `seqshim down`, and stays stopped', async () => {
    machine.call('seqshim', 'down');
    await machine.until('the rules unit has stopped', () => state(RULES) === 'inactive');
    expect([state(SERVICE), ownRules(lab)]).toEqual(['inactive', []]);
    machine.call('systemctl', 'start', SERVICE);
    await isOk();
  });
});

describe('a firewall of the machine', () => {
  const unit = { nftables: 'nftables.service', persistent: 'netfilter-persistent.service' };
  beforeAll(() => {
    // Debian's own file begins with `flush ruleset`, and so takes ours with it.
    expect(readFileSync(machine.path('/etc/nftables.conf'), 'utf8')).toContain('flush ruleset');
    machine.call('systemctl', 'start', unit.nftables);
    // As `netfilter-persistent save` leaves them: to restore them flushes these tables.
    const tables = '*raw\n:PREROUTING ACCEPT\nCOMMIT\n*mangle\n:POSTROUTING ACCEPT\nCOMMIT\n';
    for (const file of ['rules.v4', 'rules.v6']) {
      writeFileSync(machine.path(`/etc/iptables/${file}`), tables);
    }
    machine.call('systemctl', 'start', unit.persistent);
    machine.call('systemctl', 'restart', RULES);
  });

  it.each([
    ['restart', unit.nftables],
    ['reload', unit.nftables],
    ['restart', unit.persistent],
  ])('at its %s (%s) the rules come back, and the shim runs on', async (verb, name) => {
    const before = { pid: pid(), rules: ownRules(lab).length };
    const session = new Session(lab);
    expect(await session.until('connected', 5000)).not.toBe(-1);
    machine.call('systemctl', verb, name);
    // The job of our unit is another one, behind theirs: systemctl does not wait for it.
    await machine.until('our rules are back', () => ownRules(lab).length === before.rules, 5000);
    await isOk();
    expect(pid()).toBe(before.pid);
    expect(await session.echoes('after')).toBe(true);
    session.close();
  });
});

describe('a service that cannot run', () => {
  const mend = () => {
    machine.sh(`rm -rf $(dirname ${DROP_IN}) && systemctl daemon-reload`);
    machine.call('systemctl', 'reset-failed', SERVICE);
  };

  async function givesUp(): Promise<number> {
    const isOver = () => state(SERVICE) === 'failed' && ownRules(lab).length === 0;
    const ms = await machine.until('it has given up, without a rule', isOver, GIVES_UP_MS);
    await machine.until('it is said', () => /has given up/.test(journal('seqshim-abandon')));
    return ms;
  }

  it('leaves no rule, and the reason, when its configuration is wrong', async () => {
    configure(`${TARGET}mode = "on"\n`);
    machine.run('systemctl', 'restart', SERVICE);
    await givesUp();
    const seen = {
      text: machine.run('systemctl', 'status', '--no-pager', SERVICE).text,
      restarts: machine.show(SERVICE, 'NRestarts'),
    };
    configure(TARGET); // whatever was seen, the next tests want it
    mend();
    expect(seen.text).toContain('toml:3: mode: cannot be "on": it must be enforce, observe');
    expect(seen.restarts).toBe('0');
    machine.call('systemctl', 'start', SERVICE);
    await isOk();
  });

  it('leaves none when it dies each time', async () => {
    const script = '[Service]\nExecStart=\nExecStart=/bin/sh -c "kill -9 $$$$"\n';
    machine.sh(`mkdir -p $(dirname ${DROP_IN}) && printf '%s' '${script}' >${DROP_IN}`);
    machine.call('systemctl', 'daemon-reload');
    machine.run('systemctl', 'restart', SERVICE);
    await givesUp();
    mend();
    machine.call('systemctl', 'start', SERVICE);
    await isOk();
  });

  it('leaves none within a minute when it hangs each time', async () => {
    let stopped = 0;
    const sinceMs = performance.now();
    while (state(SERVICE) !== 'failed' && performance.now() - sinceMs < GIVES_UP_MS + 10_000) {
      // While it is started again it has none: 0 would stop this very test.
      const now = pid();
      if (now > 0 && now !== stopped && state(SERVICE) === 'active') {
        machine.run('kill', '-STOP', String(now));
        stopped = now;
      }
      await pause(100);
    }
    await givesUp();
    const tookMs = Math.round(performance.now() - sinceMs);
    process.stdout.write(`a service that hangs is given up after ${tookMs} ms\n`);
    expect(tookMs).toBeLessThan(GIVES_UP_MS);
    mend();
    machine.call('systemctl', 'start', SERVICE);
    await isOk();
  });
});

describe('the package, later', () => {
  it('upgrades with the rules standing and connections open', async () => {
    const before = { pid: pid(), rules: machine.show(RULES, 'InvocationID') };
    const session = new Session(lab);
    expect(await session.until('connected', 5000)).not.toBe(-1);
    install(2);
    await isOk();
    expect(pid()).not.toBe(before.pid);
    expect(machine.show(RULES, 'InvocationID')).toBe(before.rules);
    expect(await session.echoes('after')).toBe(true);
    session.close();
    expect(readFileSync(machine.path(CONFIG), 'utf8')).toBe(TARGET);
  });

  it('is removed without a rule, keeping the configuration', () => {
    machine.call('dpkg', '-r', 'seqshim');
    expect(ownRules(lab)).toEqual([]);
    expect(machine.run('pgrep', '-u', 'seqshim').text).toBe('');
    expect(readFileSync(machine.path(CONFIG), 'utf8')).toBe(TARGET);
  });

  it('is purged to nothing', () => {
    machine.call('dpkg', '-P', 'seqshim');
    expect(remains()).toEqual(NOTHING);
  });
});

describe('the tarball', () => {
  it('is set up, runs, and is purged to nothing', async () => {
    machine.call('tar', '-C', '/', '--no-overwrite-dir', '-xf', '/opt/tree.tar.gz');
    machine.call('rm', '/opt/tree.tar.gz');
    machine.call('/usr/lib/seqshim/setup', 'install');
    configure(TARGET);
    machine.call('systemctl', 'enable', '--now', SERVICE);
    await isOk();
    machine.call('/usr/lib/seqshim/setup', 'purge');
    expect(ownRules(lab)).toEqual([]);
    expect(remains()).toEqual(NOTHING);
  });
});
