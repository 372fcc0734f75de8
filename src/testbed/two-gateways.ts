/**
 * A lab with two gateways, of which one is active: client and gateways on one wire, gateways and
 * firewall on another, and a wire between the gateways, with real keepalived and conntrackd, by the
 * files of `systemd/ha`. Owns the namespaces, the daemons, and a directory for their files. IPv4.
 *
 *   client -+- gateway 1 -+- firewall - server
 *           +- gateway 2 -+
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { address, forwards, link, route } from './cable.ts';
import { distFile } from './dist-file.ts';
import { BULK_PORT, ECHO_PORT, removeAbandoned } from './lab.ts';
import { collect, Namespace, type Output } from './namespace.ts';

const READY_MS = 10_000;
const LOOK_MS = 20;
/** Of the files, and what stands for them here. */
const NETWORKS = [
  ['192.0.2.', '10.99.1.'],
  ['198.51.100.', '10.99.4.'],
  ['203.0.113.', '10.99.5.'],
] as const;
/** What waits in a socket needs no gateway any more: in larger ones a whole transfer does. */
const SMALL_BUFFERS = [
  'net.ipv4.tcp_rmem=4096 131072 1048576',
  'net.ipv4.tcp_wmem=4096 65536 1048576',
];
const CLIENTS_GATEWAY = '10.99.1.1';
const SERVER = '10.99.2.2';

const labs = new Set<TwoGateways>();
let labCount = 0;
process.on('exit', () => {
  for (const lab of labs) lab.closeNow();
});

export interface Gateway {
  readonly number: 1 | 2;
  readonly host: Namespace;
  readonly dir: string;
  readonly keepalived: Output;
  readonly conntrackd: Output;
}

export class TwoGateways {
  readonly server = SERVER;
  readonly jumpbox: Namespace;
  readonly firewall: Namespace;
  readonly gateways: Gateway[] = [];
  readonly dir = mkdtempSync(join(tmpdir(), 'seqshim-two-'));
  private readonly spaces: Namespace[] = [];
  private readonly serverHost: Namespace;
  private readonly wires: Namespace;
  private readonly prefix: string;

  private constructor() {
    this.prefix = `ssl${process.pid}-t${++labCount}`;
    labs.add(this);
    this.jumpbox = this.space('jb');
    this.firewall = this.space('fw');
    this.serverHost = this.space('sv');
    this.wires = this.space('wires');
  }

  /** `sync`: with conntrackd. */
  static async open(sync: boolean): Promise<TwoGateways> {
    removeAbandoned();
    const lab = new TwoGateways();
    try {
      lab.cable();
      for (const number of [1, 2] as const) await lab.startGateway(number, sync);
      const peer = [distFile('peer.js'), 'serve', String(ECHO_PORT), String(BULK_PORT)];
      lab.serverHost.start(process.execPath, peer, { stdio: ['ignore', 'ignore', 'inherit'] });
      await lab.until(() => lab.serverHost.call('ss', ['-Hltn']).includes(`:${BULK_PORT} `));
      await lab.active();
    } catch (error) {
      await lab.close();
      throw error;
    }
    return lab;
  }

  private space(name: string): Namespace {
    const made = new Namespace(`${this.prefix}-${name}`);
    this.spaces.push(made);
    return made;
  }

  private cable(): void {
    const { jumpbox, firewall, serverHost, wires } = this;
    for (const wire of ['clients', 'outside', 'between']) {
      const bridge = ['type', 'bridge', 'mcast_snooping', '0', 'forward_delay', '0'];
      wires.call('ip', ['link', 'add', wire, ...bridge]);
      wires.call('ip', ['link', 'set', wire, 'up']);
    }
    this.plug(jumpbox, 'c0', 'clients', 'jb', '10.99.1.10/24');
    this.plug(firewall, 'f0', 'outside', 'fw', '10.99.4.10/24');
    link(firewall, 'f1', serverHost, 's0');
    address(firewall, 'f1', '10.99.2.1/24', 'fd99:2::1/64');
    address(serverHost, 's0', `${SERVER}/24`, 'fd99:2::2/64');
    route(jumpbox, 'default', CLIENTS_GATEWAY);
    route(serverHost, 'default', '10.99.2.1');
    route(firewall, '10.99.1.0/24', '10.99.4.1');
    forwards(firewall);
    for (const end of [jumpbox, serverHost]) end.call('sysctl', ['-qw', ...SMALL_BUFFERS]);
  }

  private plug(host: Namespace, device: string, wire: string, end: string, own: string): void {
    const port = `${wire.slice(0, 3)}-${end}`;
    link(host, device, this.wires, port);
    this.wires.call('ip', ['link', 'set', port, 'master', wire, 'up']);
    host.call('ip', ['addr', 'add', own, 'dev', device]);
    host.call('ip', ['link', 'set', device, 'up']);
  }

  private async startGateway(number: 1 | 2, sync: boolean): Promise<void> {
    const host = this.space(`g${number}`);
    const dir = join(this.dir, `g${number}`);
    mkdirSync(dir);
    const end = `g${number}`;
    this.plug(host, 'eth0', 'clients', end, `10.99.1.${2 + number}/24`);
    this.plug(host, 'eth1', 'outside', end, `10.99.4.${2 + number}/24`);
    this.plug(host, 'eth2', 'between', end, `10.99.5.${number}/24`);
    route(host, '10.99.2.0/24', '10.99.4.10');
    forwards(host);
    this.write(dir, number);
    const conntrackd = sync ? collect(this.startConntrackd(host, dir)) : { stdout: '', stderr: '' };
    if (sync) await this.until(() => host.tryCall('conntrackd', asks(dir, '-s')) !== '');
    const keepalived = collect(this.startKeepalived(host, dir));
    this.gateways.push({ number, host, dir, keepalived, conntrackd });
  }

  /** The files as an operator would change them. */
  private write(dir: string, number: 1 | 2): void {
    const files = join(dirname(distFile('peer.js')), '../systemd/ha');
    const copy = (name: string, ...changes: readonly (readonly [string, string])[]) => {
      let text = readFileSync(join(files, name), 'utf8');
      for (const [from, to] of [...changes, ...NETWORKS]) text = text.replaceAll(from, to);
      writeFileSync(join(dir, name), text, { mode: name.endsWith('.sh') ? 0o755 : 0o644 });
    };
    const [mine, other] = number === 1 ? ['1', '2'] : ['2', '1'];
    copy(
      'conntrackd.conf',
      ['IPv4_address 203.0.113.1\n    IPv4_D', `IPv4_address 203.0.113.${mine}\n    IPv4_D`],
      ['Destination_Address 203.0.113.2', `Destination_Address 203.0.113.${other}`],
      ['/var/lock/conntrack.lock', join(dir, 'conntrackd.lock')],
      ['/var/run/conntrackd.ctl', join(dir, 'conntrackd.ctl')],
      ['LogFile no', `LogFile ${join(dir, 'conntrackd.log')}`],
      ['Syslog on', 'Syslog off'],
    );
    copy('keepalived.conf', ['/etc/keepalived/', `${dir}/`], ...priority(number));
    copy('notify.sh', ['/etc/conntrackd/', `${dir}/`]);
  }

  private startConntrackd(host: Namespace, dir: string) {
    return host.start('conntrackd', ['-C', join(dir, 'conntrackd.conf')]);
  }

  private startKeepalived(host: Namespace, dir: string) {
    const own = ['-p', join(dir, 'keepalived.pid'), '-r', join(dir, 'vrrp.pid')];
    const options = ['--dont-fork', '--log-console', '--log-detail', '--vrrp', ...own];
    return host.start('keepalived', [...options, '-f', join(dir, 'keepalived.conf')]);
  }

  /** The one that has the address; waits for it. */
  async active(): Promise<Gateway> {
    let found: Gateway | undefined;
    await this.until(() => {
      found = this.gateways.find((gateway) => this.hasAddress(gateway));
      return found !== undefined;
    });
    if (found === undefined) throw new Error('neither gateway has the address');
    return found;
  }

  hasAddress({ host }: Gateway): boolean {
    const shown = host.call('ip', ['-4', 'addr', 'show', 'dev', 'eth0']);
    return shown.includes(` ${CLIENTS_GATEWAY}/`);
  }

  other(gateway: Gateway): Gateway {
    const other = this.gateways.find(({ number }) => number !== gateway.number);
    if (other === undefined) throw new Error('there is one gateway only');
    return other;
  }

  /**
   * At once: its links go down, then its processes are killed, so that none says goodbye (the
   * children of keepalived would).
   */
  kill(gateway: Gateway): void {
    const down = ['eth0', 'eth1', 'eth2'].map((device) => `link set ${device} down\n`).join('');
    gateway.host.call('ip', ['-batch', '-'], down);
    gateway.host.killAll();
  }

  async until(ready: () => boolean, timeoutMs = READY_MS): Promise<void> {
    for (let waited = 0; waited < timeoutMs; waited += LOOK_MS) {
      if (ready()) return;
      await pause(LOOK_MS);
    }
    const said = this.gateways.map(({ keepalived, conntrackd }) => {
      return keepalived.stderr + keepalived.stdout + conntrackd.stderr;
    });
    throw new Error(`two gateways: not ready in time. ${said.join('\n')}`);
  }

  async close(): Promise<void> {
    await Promise.all(this.spaces.map((space) => space.close()));
    this.forget();
  }

  closeNow(): void {
    for (const space of this.spaces) space.closeNow();
    this.forget();
  }

  private forget(): void {
    rmSync(this.dir, { recursive: true, force: true });
    labs.delete(this);
  }
}

function asks(dir: string, ...args: string[]): string[] {
  return ['-C', join(dir, 'conntrackd.conf'), ...args];
}

function priority(number: 1 | 2): [string, string][] {
  return number === 1 ? [] : [['priority 100', 'priority 90']];
}
