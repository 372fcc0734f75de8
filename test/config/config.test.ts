/** Flags win over the file, the file over defaults; every wrong value is one line. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig, MARK_BYPASS, MARK_INJECT, pathsOf } from '../../src/config/config.ts';
import { makeRunDir } from '../../src/config/run-dir.ts';
import { operatorError } from './operator-error.ts';

const dir = mkdtempSync(join(tmpdir(), 'seqshim-config-'));
afterAll(() => rmSync(dir, { recursive: true }));

const target = ['10.0.0.0/8'];

function fileOf(toml: string): string {
  const path = join(dir, 'seqshim.toml');
  writeFileSync(path, toml);
  return path;
}

describe('loadConfig()', () => {
  it('has these defaults', async () => {
    expect(await loadConfig({ target })).toEqual({
      targets: [{ family: 4, cidr: '10.0.0.0/8' }],
      targetNames: ['10.0.0.0/8'],
      excludes: [],
      ports: [22],
      direction: 'out',
      hooks: ['host'],
      mode: 'enforce',
      forMs: undefined,
      firewall: 'auto',
      rules: true,
      queueNum: 5011,
      queueCount: 1,
      pathsFile: '/var/lib/seqshim/paths.json',
      historyFile: '/var/lib/seqshim/history.json',
      evidenceDir: '/var/lib/seqshim/evidence',
      evidence: 'on',
      evidencePayload: 0,
      metrics: undefined,
      metricsFile: undefined,
      journalStream: process.env['JOURNAL_STREAM'],
      inspect: 'auto',
      translate: 'user',
      inject: 'auto',
      checksumFill: 'auto',
      sack: 'auto',
      mssClamp: 0,
      idleAction: 'forget',
      idleAfterMs: 0,
      budgetUs: 200,
      busyPollUs: 50,
      flowCountMax: 65_536,
      runDir: '/run/seqshim',
      control: '/run/seqshim/control.sock',
      removeScript: '/run/seqshim/remove.sh',
      expires: undefined,
      ticket: undefined,
      logLevel: 'info',
      logFormat: 'auto',
    });
  });

  it('takes an idle time that the flow table reaches', async () => {
    const options = { target, 'idle-action': 'keepalive', 'idle-after': '5m' };
    const config = await loadConfig(options);
    expect(config).toMatchObject({ idleAction: 'keepalive', idleAfterMs: 300_000 });
    for (const wrong of ['0', '999ms', '3h']) {
      await expect(loadConfig({ target, 'idle-after': wrong })).rejects.toThrow(
        `Cannot use --idle-after "${wrong}": it must be from 1s to 2h`,
      );
    }
    await expect(loadConfig({ target, 'idle-action': 'kill' })).rejects.toThrow(
      'Cannot use --idle-action "kill": it must be keepalive, reset, forget',
    );
  });

  it('refuses to exclude everything', async () => {
    await expect(loadConfig({ target, exclude: ['all'] })).rejects.toThrow(
      'Cannot use --exclude all: that leaves no target. Name the servers',
    );
  });

  it('is frozen, with its lists', async () => {
    const config = await loadConfig({ target, exclude: ['10.1.0.0/16'] });
    for (const part of [
      config,
      config.targets,
      config.targetNames,
      config.excludes,
      config.ports,
    ]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('takes the file over defaults and flags over the file', async () => {
    const config = fileOf(
      'target = ["10.0.0.0/8", "fd00::/8"]\nport = [22, 2222]\nmode = "observe"\nqueue-num = 7\n' +
        'budget = "1ms"\nfor = 60\nrules = false\nflows = 1024\nlog-format = "json"\n',
    );
    const fromFile = await loadConfig({ config });
    expect(fromFile).toMatchObject({
      targets: [
        { family: 4, cidr: '10.0.0.0/8' },
        { family: 6, cidr: 'fd00::/8' },
      ],
      ports: [22, 2222],
      mode: 'observe',
      queueNum: 7,
      budgetUs: 1000,
      forMs: 60_000,
      rules: false,
      flowCountMax: 1024,
      logFormat: 'json',
      firewall: 'auto',
    });
    const flags = { target: ['192.0.2.1'], mode: 'enforce', 'queue-num': '8', rules: true };
    const both = await loadConfig({ config, ...flags, port: undefined });
    expect(both).toMatchObject({
      targetNames: ['192.0.2.1'],
      mode: 'enforce',
      queueNum: 8,
      rules: true,
      ports: [22, 2222],
      budgetUs: 1000,
    });
  });

  it('takes lists that repeat, that have commas, and one text', async () => {
    const config = await loadConfig({
      target: ['10.0.0.1,10.0.0.2', ' 10.0.0.3 ,'],
      port: '22,80',
    });
    expect(config.targetNames).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    expect(config.ports).toEqual([22, 80]);
  });

  it('takes the last of an option that repeats', async () => {
    const config = await loadConfig({ target, mode: ['enforce', 'observe'] });
    expect(config.mode).toBe('observe');
  });

  it.each([[{}], [{ target: [] }], [{ target: ',' }], [{ target: '' }]])(
    'does not start without a target: %j',
    async (flags) => {
      expect(await operatorError(() => loadConfig(flags), 2)).toBe(
        'Cannot start: no target. Name the servers, for example --target 10.0.0.0/8, or --target all',
      );
    },
  );

  it.each([
    ['direction', 'up', 'out, in, both'],
    ['hook', 'bridge', 'host, gateway'],
    ['mode', 'Observe', 'enforce, observe'],
    ['firewall', 'pf', 'auto, nft, iptables'],
    ['inspect', 'half', 'auto, full'],
    ['translate', 'both', 'user, kernel'],
    ['inject', 'x', 'auto, raw-socket, koffi'],
    ['checksum-fill', 'on', 'off, auto, always'],
    ['sack', 'on', 'auto, repair, strip, off'],
    ['log-level', 'trace', 'debug, info, warn, error'],
    ['log-format', 'xml', 'auto, json, text'],
  ])('refuses --%s %s and names the choices', async (name, value, choices) => {
    expect(await operatorError(() => loadConfig({ target, [name]: value }), 2)).toBe(
      `Cannot use --${name} "${value}": it must be ${choices}`,
    );
  });

  it('takes --mss-clamp off or octets, and refuses what no host could use', async () => {
    expect((await loadConfig({ target, 'mss-clamp': '1200' })).mssClamp).toBe(1200);
    expect((await loadConfig({ target, 'mss-clamp': 'off' })).mssClamp).toBe(0);
    for (const value of ['535', '65496', 'on', '1e3', '-1']) {
      expect(await operatorError(() => loadConfig({ target, 'mss-clamp': value }), 2)).toBe(
        `Cannot use --mss-clamp "${value}": it must be off, or a number from 536 to 65495`,
      );
    }
  });

  it.each([
    ['queue-num', '-1', '0 to 65535'],
    ['queue-num', '65536', '0 to 65535'],
    ['queue-num', ' ', '0 to 65535'],
    ['queue-num', '0x10', '0 to 65535'],
    ['queue-num', '1.5', '0 to 65535'],
    ['queues', '0', '1 to 64'],
    ['queues', '65', '1 to 64'],
    ['flows', '63', '64 to 4194304'],
    ['flows', '4194305', '64 to 4194304'],
    ['flows', 'many', '64 to 4194304'],
  ])('refuses --%s %j and names the range', async (name, value, range) => {
    const must = `it must be a whole number from ${range}`;
    expect(await operatorError(() => loadConfig({ target, [name]: value }), 2)).toBe(
      `Cannot use --${name} "${value}": ${must}`,
    );
  });

  it.each(['0', '65536', 'ssh', '22-25', '-1', '1.5', '0x16'])(
    'refuses --port %s',
    async (port) => {
      expect(await operatorError(() => loadConfig({ target, port: [port] }), 2)).toBe(
        `Cannot use --port "${port}": it must be a number from 1 to 65535`,
      );
    },
  );

  it('takes several queues, up to the last number', async () => {
    const last = await loadConfig({ target, 'queue-num': '65532', queues: '4' });
    expect(last).toMatchObject({ queueNum: 65_532, queueCount: 4 });
    expect(
      await operatorError(() => loadConfig({ target, 'queue-num': '65533', queues: '4' }), 2),
    ).toBe('Cannot use --queues 4 from --queue-num 65533 on: the last number is 65535');
  });

  it('takes one hook or both, in one order, and no both ways with a gateway', async () => {
    expect((await loadConfig({ target })).hooks).toEqual(['host']);
    const both = { target, hook: ['gateway', 'host,gateway'] };
    expect((await loadConfig(both)).hooks).toEqual(['host', 'gateway']);
    expect((await loadConfig({ ...both, direction: 'in' })).direction).toBe('in');
    expect(await operatorError(() => loadConfig({ ...both, direction: 'both' }), 2)).toMatch(
      /^Cannot use --hook gateway with --direction both: /,
    );
  });

  it('refuses --for that a timer cannot wait for: it would end at once', async () => {
    expect((await loadConfig({ target, for: '24d' })).forMs).toBe(2_073_600_000);
    for (const wrong of ['25d', '0', '0.1ms']) {
      expect(await operatorError(() => loadConfig({ target, for: wrong }), 2)).toBe(
        `Cannot use --for "${wrong}": it must be from 1ms to 24d`,
      );
    }
  });

  it.each([['for'], ['budget'], ['busy-poll']])('refuses --%s in words', async (name) => {
    const line = await operatorError(() => loadConfig({ target, [name]: 'soon' }), 2);
    expect(line).toMatch(new RegExp(`^Cannot read --${name} "soon": write a number with a unit`));
  });

  it.each(['2027-02-30', '2027-13-01', '31.3.2027', '2027-3-1', 'soon', '2027-03-31T12:00:00Z'])(
    'refuses --expires %s: it is no day',
    async (expires) => {
      expect(await operatorError(() => loadConfig({ target, expires }), 2)).toBe(
        `Cannot use --expires "${expires}": write a day as YYYY-MM-DD, for example 2027-03-31`,
      );
    },
  );

  it('takes a ticket of one line, whatever is in it', async () => {
    const ticket = 'https://tickets.example/OPS-7?a=1 "; rm -rf / `x` $(y) ünï';
    expect((await loadConfig({ target, ticket })).ticket).toBe(ticket);
    for (const wrong of ['two\nlines', '\u001b[31mred', 'x'.repeat(201), 'a\u2028b']) {
      expect(await operatorError(() => loadConfig({ target, ticket: wrong }), 2)).toMatch(
        /^Cannot use --ticket ".*": it must be one line of at most 200 characters$/,
      );
    }
  });

  it('refuses to poll for as long as others need the processor', async () => {
    expect((await loadConfig({ target, 'busy-poll': '0' })).busyPollUs).toBe(0);
    expect((await loadConfig({ target, 'busy-poll': '1ms' })).busyPollUs).toBe(1000);
    expect(await operatorError(() => loadConfig({ target, 'busy-poll': '2ms' }), 2)).toBe(
      'Cannot use --busy-poll "2ms": it must be at most 1ms',
    );
  });

  it('refuses a budget that is none', async () => {
    expect((await loadConfig({ target, budget: '1s' })).budgetUs).toBe(1_000_000);
    expect(await operatorError(() => loadConfig({ target, budget: '2s' }), 2)).toBe(
      'Cannot use --budget "2s": it must be at most 1s',
    );
  });

  it('names file and line of a value that cannot be used, and counts the other mistakes', async () => {
    const config = fileOf('# first\ntarget = ["10.0.0.0/8"]\n\nmode = "Observe"\n');
    expect(await operatorError(() => loadConfig({ config }), 2)).toBe(
      `Cannot load config: ${config}:4: mode: cannot be "Observe": it must be enforce, observe`,
    );
    const name = `${'x'.repeat(64)}.invalid`;
    const line = await operatorError(() => loadConfig({ config: fileOf(`target = "${name}"`) }), 4);
    expect(line).toMatch(/seqshim\.toml:1: target: cannot be "x+\.invalid": write its address/);
    fileOf('mode = 1\nrules = 2\n\nprot = 3\n');
    expect(await operatorError(() => loadConfig({ config }), 2)).toBe(
      `Cannot load config: ${config}:1: mode: must be text in quotes (and 2 more: seqshim config check)`,
    );
    expect((await loadConfig({ target, config: false })).mode).toBe('enforce');
  });

  it('refuses --no- before an option that is no flag', async () => {
    const line = 'Cannot use --no-mode: leave it out, or give --mode a value';
    expect(await operatorError(() => loadConfig({ target, mode: false }), 2)).toBe(line);
    await operatorError(() => loadConfig({ target: [false] }), 2);
    expect((await loadConfig({ target, rules: false })).rules).toBe(false);
  });
});

describe('pathsOf()', () => {
  it('puts the control socket below --state-dir unless --control names another', () => {
    expect(pathsOf({})).toEqual({
      runDir: '/run/seqshim',
      control: '/run/seqshim/control.sock',
      evidenceDir: '/var/lib/seqshim/evidence',
    });
    expect(pathsOf({ 'state-dir': '/x/y/' })).toEqual({
      runDir: '/x/y',
      control: '/x/y/control.sock',
      evidenceDir: '/x/y/evidence',
    });
    expect(pathsOf({ 'state-dir': '/x', control: '/z.sock' }).control).toBe('/z.sock');
  });
});

describe('pathsOf() with files', () => {
  it('finds the instance that a file describes, also where the file has mistakes', () => {
    const config = fileOf('state-dir = "/x"\nmode = 1\n');
    expect(pathsOf({ config })).toMatchObject({ runDir: '/x', control: '/x/control.sock' });
    expect(pathsOf({ config, 'state-dir': '/y' }).runDir).toBe('/y');
    expect(() => pathsOf({ config: '/nonexistent' })).toThrow('Cannot read config "/nonexistent"');
  });
});

describe('makeRunDir()', () => {
  it('says in one line why it cannot be made', async () => {
    const path = join(fileOf(''), 'below-a-file');
    expect(await operatorError(() => makeRunDir(path), 2)).toBe(
      `Cannot make directory "${path}": ENOTDIR. Name another with --state-dir`,
    );
    makeRunDir(join(dir, 'a/b'));
    makeRunDir(join(dir, 'a/b'));
  });
});

describe('marks', () => {
  it('are one bit each, and these', () => {
    expect([MARK_BYPASS, MARK_INJECT]).toEqual([0x1000, 0x2000]);
  });
});
