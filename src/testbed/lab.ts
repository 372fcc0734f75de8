/**
 * One lab: jumpbox, firewall and server, each a network namespace, IPv4 and IPv6, with a real sshd,
 * and echo and bulk services on the server; where it is asked for, a gateway before the firewall.
 * Several labs stand side by side; each cleans up after itself, also when interrupted, and removes
 * what a killed one left behind.
 */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { address, forwards, link, route } from './cable.ts';
import { distFile } from './dist-file.ts';
import { call, type Finished, Namespace } from './namespace.ts';

export const SSH_PORT = 22;
export const ECHO_PORT = 7;
export const BULK_PORT = 5202;
export const IPERF_PORT = 5201;
/** Of the clients: above those of servers, by which the faulty firewall tells them apart. */
const PORT_FIRST = 32_768;
const PORT_LAST = 60_768;
const PORTS_AT_ONCE = 500;
const DIR_PREFIX = 'seqshim-lab-';
const READY_MS = 5000;
const SSHD = '/usr/sbin/sshd';

export const ADDRESS = {
  4: { jumpbox: '10.99.1.1', server: '10.99.2.2', network: '10.99.2.0/24' },
  6: { jumpbox: 'fd99:1::1', server: 'fd99:2::2', network: 'fd99:2::/64' },
} as const;

/** What a shim on the clients' side looks after. */
export const SERVER_NETWORKS = `${ADDRESS[4].network},${ADDRESS[6].network}`;

const labs = new Set<Lab>();
let labCount = 0;

function cleanUp(): void {
  for (const lab of labs) lab.closeNow();
}
process.on('exit', cleanUp);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (labs.size === 0) return;
    cleanUp();
    process.exit(130);
  });
}

export class Lab {
  readonly jumpbox: Namespace;
  /** Between jumpbox and firewall, where the lab has one. */
  readonly gateway: Namespace | undefined;
  readonly firewall: Namespace;
  readonly server: Namespace;
  readonly dir = mkdtempSync(join(tmpdir(), `${DIR_PREFIX}${process.pid}-`));
  private readonly prefix: string;
  private portsTaken = 0;

  private constructor(withGateway: boolean) {
    labCount++;
    this.prefix = `ssl${process.pid}-${labCount}`;
    labs.add(this);
    this.jumpbox = new Namespace(`${this.prefix}-jb`);
    this.gateway = withGateway ? new Namespace(`${this.prefix}-gw`) : undefined;
    this.firewall = new Namespace(`${this.prefix}-fw`);
    this.server = new Namespace(`${this.prefix}-sv`);
  }

  static async open(options: { readonly gateway?: boolean } = {}): Promise<Lab> {
    removeAbandoned();
    const lab = new Lab(options.gateway === true);
    try {
      lab.cable();
      lab.startSshd();
      lab.startPeer();
      await lab.untilListening([SSH_PORT, ECHO_PORT, BULK_PORT]);
    } catch (error) {
      await lab.close();
      throw error;
    }
    return lab;
  }

  /** Where the shim runs. */
  get shimHost(): Namespace {
    return this.gateway ?? this.jumpbox;
  }

  private cable(): void {
    const { jumpbox, firewall, gateway, server } = this;
    if (gateway === undefined) link(jumpbox, 'c0', firewall, 'f0');
    else this.cableGateway(gateway);
    link(firewall, 'f1', server, 's0');
    address(jumpbox, 'c0', '10.99.1.1/24', 'fd99:1::1/64');
    if (gateway === undefined) address(firewall, 'f0', '10.99.1.2/24', 'fd99:1::2/64');
    address(firewall, 'f1', '10.99.2.1/24', 'fd99:2::1/64');
    address(server, 's0', '10.99.2.2/24', 'fd99:2::2/64');
    for (const [namespace, v4, v6] of [
      [jumpbox, '10.99.1.2', 'fd99:1::2'],
      [server, '10.99.2.1', 'fd99:2::1'],
    ] as const) {
      route(namespace, 'default', v4);
      route(namespace, 'default', v6);
    }
    forwards(firewall);
  }

  /** jumpbox c0 - g0 gateway g1 - f0 firewall */
  private cableGateway(gateway: Namespace): void {
    const { jumpbox, firewall } = this;
    link(jumpbox, 'c0', gateway, 'g0');
    link(gateway, 'g1', firewall, 'f0');
    address(gateway, 'g0', '10.99.1.2/24', 'fd99:1::2/64');
    address(gateway, 'g1', '10.99.4.1/24', 'fd99:4::1/64');
    address(firewall, 'f0', '10.99.4.2/24', 'fd99:4::2/64');
    route(gateway, '10.99.2.0/24', '10.99.4.2');
    route(gateway, 'fd99:2::/64', 'fd99:4::2');
    route(firewall, '10.99.1.0/24', '10.99.4.1');
    route(firewall, 'fd99:1::/64', 'fd99:4::1');
    forwards(gateway);
  }

  private startSshd(): void {
    const { dir } = this;
    for (const key of ['host', 'user']) {
      call('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, key)]);
    }
    writeFileSync(join(dir, 'authorized'), readFileSync(join(dir, 'user.pub')));
    chmodSync(dir, 0o755);
    mkdirSync('/run/sshd', { recursive: true });
    const config = [
      'Port 22',
      `HostKey ${dir}/host`,
      `AuthorizedKeysFile ${dir}/authorized`,
      'StrictModes no',
      'UsePAM no',
      'UseDNS no',
      'PermitRootLogin yes',
      'MaxStartups 1000',
      'MaxSessions 100',
      'LoginGraceTime 60',
      `PidFile ${dir}/sshd.pid`,
      'Subsystem sftp internal-sftp',
      // bash then reads no ~/.bashrc of this machine: whatever that runs would be part of the test.
      'SetEnv SHLVL=5',
    ];
    writeFileSync(join(dir, 'sshd_config'), `${config.join('\n')}\n`);
    this.server.start(SSHD, ['-D', '-f', join(dir, 'sshd_config'), '-E', join(dir, 'sshd.log')]);
  }

  private startPeer(): void {
    const peer = distFile('peer.js');
    this.server.start(process.execPath, [peer, 'serve', String(ECHO_PORT), String(BULK_PORT)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }

  /** On the server, and the jumpbox has its addresses. */
  async untilListening(ports: readonly number[]): Promise<void> {
    for (let waited = 0; waited < READY_MS; waited += 50) {
      const listening = this.server.call('ss', ['-Hltn']);
      const addresses = this.jumpbox.call('ip', ['-6', 'addr', 'show', 'tentative']);
      const ready = ports.every((port) => new RegExp(`:${port}\\s`).test(listening));
      if (ready && addresses === '') return;
      await pause(50);
    }
    throw new Error(`the lab's services did not start: ${this.server.call('ss', ['-Hltn'])}`);
  }

  /**
   * From now on clients use ports that none has used lately. Where an attempt has failed the server
   * may keep its half for a minute, and answers a SYN on the same ports with an ACK of that
   * (RFC 9293 §3.5.1): behind a phantom's SYN-ACK nobody can know what it is about.
   */
  takeFreshPorts(): void {
    this.portsTaken = (this.portsTaken + PORTS_AT_ONCE) % (PORT_LAST - PORT_FIRST);
    const from = PORT_FIRST + this.portsTaken;
    const range = `net.ipv4.ip_local_port_range=${from} ${from + PORTS_AT_ONCE - 1}`;
    this.jumpbox.call('sysctl', ['-qw', range]);
  }

  /** One real ssh login that runs a command. */
  ssh(
    family: 4 | 6,
    command: string,
    options: readonly string[] = [],
    timeoutMs = 30_000,
  ): Promise<Finished> {
    return this.jumpbox.run(
      'ssh',
      // Of an option that is given twice ssh takes the first.
      [...options, ...this.sshOptions(), ADDRESS[family].server, command],
      timeoutMs,
    );
  }

  sshOptions(): string[] {
    const options = [
      'BatchMode=yes',
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'LogLevel=ERROR',
      'ConnectTimeout=15',
      `IdentityFile=${this.dir}/user`,
      'IdentitiesOnly=yes',
    ];
    return ['-F', 'none', ...options.flatMap((option) => ['-o', option])];
  }

  /** A conversation with the echo server: speaks after `delayMs`, expects its words back. */
  echo(family: 4 | 6, delayMs: number, timeoutMs = 20_000): Promise<Finished> {
    const args = [
      distFile('peer.js'),
      'talk',
      ADDRESS[family].server,
      String(ECHO_PORT),
      String(delayMs),
    ];
    return this.jumpbox.run(process.execPath, args, timeoutMs);
  }

  async close(): Promise<void> {
    await Promise.all(this.namespaces().map((namespace) => namespace.close()));
    this.forget();
  }

  closeNow(): void {
    for (const namespace of this.namespaces()) namespace.closeNow();
    this.forget();
  }

  /** Those that there are: a lab may be closed while it is being opened. */
  private namespaces(): Namespace[] {
    return [this.jumpbox, this.gateway, this.firewall, this.server].filter(
      (namespace) => namespace !== undefined,
    );
  }

  private forget(): void {
    rmSync(this.dir, { recursive: true, force: true });
    labs.delete(this);
  }
}

/** Namespaces and files of labs whose owner is dead: named after its pid. */
export function removeAbandoned(): void {
  removeAbandonedNamespaces();
  for (const name of readdirSync(tmpdir())) {
    const [, pid] = new RegExp(`^${DIR_PREFIX}(\\d+)-`).exec(name) ?? [];
    if (pid === undefined || isAlive(Number(pid))) continue;
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function removeAbandonedNamespaces(): void {
  for (const line of call('ip', ['netns', 'list']).split('\n')) {
    const match = /^(ssl(\d+)-\d+-\w+)/.exec(line);
    if (match?.[1] === undefined || isAlive(Number(match[2]))) continue;
    try {
      for (const pid of call('ip', ['netns', 'pids', match[1]]).split('\n')) {
        if (pid !== '') process.kill(Number(pid), 'SIGKILL');
      }
      call('ip', ['netns', 'del', match[1]]);
    } catch {
      // somebody else was quicker
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
