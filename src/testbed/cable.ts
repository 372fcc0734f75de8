/** Cables between namespaces, addresses and routes in them. Owns nothing. */
import { call, type Namespace } from './namespace.ts';

export function link(a: Namespace, aName: string, b: Namespace, bName: string): void {
  const peer = ['peer', 'name', bName, 'netns', b.name];
  call('ip', ['link', 'add', aName, 'netns', a.name, 'type', 'veth', ...peer]);
}

export function address(namespace: Namespace, device: string, v4: string, v6: string): void {
  namespace.call('ip', ['addr', 'add', v4, 'dev', device]);
  namespace.call('ip', ['-6', 'addr', 'add', v6, 'dev', device, 'nodad']);
  namespace.call('ip', ['link', 'set', device, 'up']);
}

export function route(namespace: Namespace, to: string, via: string): void {
  const family = via.includes(':') ? '-6' : '-4';
  namespace.call('ip', [family, 'route', 'add', to, 'via', via]);
}

export function forwards(namespace: Namespace): void {
  namespace.call('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
}
