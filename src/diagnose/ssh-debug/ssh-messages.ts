/**
 * What OpenSSH's client says under -v, as events. Messages of 5.x to 9.x: sshconnect.c, kex.c,
 * packet.c, mux.c, clientloop.c. Owns the patterns; each is anchored and bounded, the text is a
 * stranger's.
 */

/** Names of fields in the order of a pattern's groups. */
export type Field = 'host' | 'address' | 'port' | 'text';

export type SshEvent =
  | 'client-version'
  | 'connecting'
  | 'address-failed'
  | 'connect-failed'
  | 'unresolved'
  | 'connected'
  | 'proxy'
  | 'first-write-failed'
  | 'spoke'
  | 'server-version'
  | 'exchange-failed'
  | 'exchange-closed'
  | 'banner-timeout'
  | 'banner-line'
  | 'kex-begun'
  | 'keys'
  | 'no-common'
  | 'corrupted'
  | 'host-key'
  | 'auth-begun'
  | 'no-mutual'
  | 'denied'
  | 'authenticated'
  | 'session'
  | 'master-tried'
  | 'master-absent'
  | 'master-used'
  | 'master-failed'
  | 'silent'
  | 'closed'
  | 'reset'
  | 'failed'
  | 'finished';

type Row = readonly [event: SshEvent, pattern: RegExp, ...fields: Field[]];

/** The first that matches. Behind `debug1: `, function names of newer versions come first. */
const ROWS: readonly Row[] = [
  [
    'client-version',
    /^(OpenSSH_\S{1,80}).{0,80}, (?:OpenSSL|LibreSSL|without OpenSSL|SSLeay)/,
    'text',
  ],
  [
    'connecting',
    /^Connecting to (\S{1,255}) \[(\S{0,64})\] port (\d{1,5})/,
    'host',
    'address',
    'port',
  ],
  [
    'address-failed',
    /^connect to address (\S{1,64}) port (\d{1,5}): (.+)/,
    'address',
    'port',
    'text',
  ],
  [
    'connect-failed',
    /^ssh: connect to host (\S{1,255}) port (\d{1,5}): (.+)/,
    'host',
    'port',
    'text',
  ],
  ['unresolved', /^ssh: Could not resolve hostname (\S{1,255}): (.+)/, 'host', 'text'],
  ['connected', /^Connection established/],
  ['proxy', /^Executing proxy (?:dialog )?command: (.+)/, 'text'],
  ['first-write-failed', /^(?:(?:ssh|kex)_exchange_identification: )?write: (.+)/, 'text'],
  ['spoke', /^Local version string (\S{1,255})/, 'text'],
  ['server-version', /^Remote protocol version [\d.]{1,8}, remote software version (.+)/, 'text'],
  ['exchange-failed', /^(?:ssh|kex)_exchange_identification: read: (.+)/, 'text'],
  ['exchange-closed', /^(?:ssh|kex)_exchange_identification: (Connection closed by .+)/, 'text'],
  ['banner-timeout', /^(Connection timed out during banner exchange)/, 'text'],
  ['banner-line', /^(?:ssh|kex)_exchange_identification: (?:banner line \d{1,4}: )?(.+)/, 'text'],
  ['kex-begun', /^SSH2_MSG_KEXINIT sent/],
  ['keys', /^SSH2_MSG_NEWKEYS received/],
  ['no-common', /^(Unable to negotiate .+|no matching \S.{0,40} found.*)/, 'text'],
  [
    'corrupted',
    /^((?:Bad packet length|Corrupted MAC on input|Disconnecting: (?:Packet corrupt|Corrupted|Bad packet)|ssh_dispatch_run_fatal: .*(?:authentication code incorrect|Connection corrupted)).*)/,
    'text',
  ],
  ['host-key', /^(Host key verification failed.*)/, 'text'],
  [
    'auth-begun',
    /^(?:SSH2_MSG_SERVICE_ACCEPT received|service_accept: ssh-userauth|Authentications that can continue: )/,
  ],
  ['no-mutual', /^(?:\S{1,40}: )?(no mutual signature .+)/, 'text'],
  ['denied', /^(?:\S{1,255}: )?(Permission denied \(.+)/, 'text'],
  [
    'denied',
    /^(?:Received disconnect from .{1,300}|Disconnecting: )(Too many authentication failures.*)/,
    'text',
  ],
  ['authenticated', /^(?:Authentication succeeded|Authenticated to )/],
  ['session', /^(?:Entering interactive session|Sending command: )/],
  ['master-tried', /^auto-mux: Trying existing master/],
  ['master-absent', /^Control socket ".{0,300}" does not exist/],
  ['master-used', /^mux_client_request_session: master session id/],
  [
    'master-failed',
    /^((?:mux_client_\S{1,60}: .*(?:refused|failed)|ControlSocket .{1,300} already exists|Control socket connect).*)/,
    'text',
  ],
  ['silent', /^(Timeout, server .{1,300} not responding.*)/, 'text'],
  ['silent', /^(Connection to \S{1,255} port \d{1,5} timed out)/, 'text'],
  ['reset', /^(Connection reset by .+)/, 'text'],
  ['closed', /^(Connection closed by .+|Connection to \S{1,255} closed by remote host.*)/, 'text'],
  ['closed', /^(Received disconnect from .+|Disconnected from .+)/, 'text'],
  [
    'failed',
    /^(?:Read from socket failed|Write failed|packet_write_\S{1,40}|packet_write_wait|ssh_packet_\S{1,40}|client_loop: send disconnect|ssh_dispatch_run_fatal|Connection to \S{1,255} port \d{1,5}): (?:Connection to \S{1,255} port \d{1,5}: )?(.+)/,
    'text',
  ],
  [
    'finished',
    /^(?:Exit status -?\d|Transferred: sent |(?:Shared c|C)onnection to \S{1,255} closed\.$)/,
  ],
];

export interface SshMessage {
  readonly event: SshEvent;
  readonly host: string;
  readonly address: string;
  readonly port: string;
  readonly text: string;
}

/** An end that is ssh's own is no debug message; names of functions look alike. */
const NEVER_DEBUG: ReadonlySet<SshEvent> = new Set<SshEvent>(['failed', 'reset', 'closed']);

/** `line` without time and `debug1: `, which `isDebug` says was there. */
export function readSshMessage(line: string, isDebug: boolean): SshMessage | undefined {
  for (const [event, pattern, ...fields] of ROWS) {
    const groups = pattern.exec(line);
    if (groups === null || (isDebug && NEVER_DEBUG.has(event))) continue;
    const message = { event, host: '', address: '', port: '', text: '' };
    fields.forEach((field, index) => {
      message[field] = groups[index + 1] ?? '';
    });
    return message;
  }
  return undefined;
}

export type SocketError = 'reset' | 'refused' | 'timeout' | 'unreachable' | 'pipe' | 'other';

/** What strerror() says; ssh itself does not translate it, programs around it may. */
const ERRORS: readonly (readonly [error: SocketError, pattern: RegExp])[] = [
  ['reset', /connection reset|reset by peer|zurückgesetzt|réinitialis|restablecid|reimpostat/i],
  ['refused', /refused|abgelehnt|verweigert|refus[ée]|rechazad|rifiutat/i],
  ['timeout', /timed out|timeout|abgelaufen|zeitüberschreitung|expir[ée]|agotado|scadut/i],
  ['unreachable', /no route|unreachable|keine route|nicht erreichbar|aucun chemin|inaccessible/i],
  ['pipe', /broken pipe|datenübergabe unterbrochen|relais bris|tubería rota/i],
];

export function socketError(text: string): SocketError {
  return ERRORS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'other';
}
