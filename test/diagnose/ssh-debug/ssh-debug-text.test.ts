/** What `ssh -v` says: how far it came, how it ended, over what. Real texts, then pasted ones. */
import { describe, expect, it } from 'vitest';
import { SSH_DEBUG } from '../trace.ts';
import { AUTH, attemptOf, attemptsOf, CONNECTED, KEX, SESSION, sshText } from './fixtures.ts';

/** Texts that OpenSSH 9.2 wrote here. */
const REAL: readonly (readonly [name: string, stage: string, end: string, port: string])[] = [
  ['unresolved', 'begun', 'unresolved', ''],
  ['refused', 'connecting', 'refused', '42299'],
  ['reset', 'spoke', 'reset', '42211'],
  ['banner-timeout', 'spoke', 'timeout', '42213'],
  ['turned-away', 'spoke', 'turned-away', '42218'],
  ['kex-reset', 'kex', 'reset', '42215'],
  ['kex-hang', 'kex', 'unfinished', '42216'],
  ['no-cipher', 'kex', 'no-common-algorithm', '42203'],
  ['denied', 'auth', 'denied', '42201'],
  ['killed', 'session', 'closed', '42201'],
  ['session', 'session', 'finished', '42201'],
  ['session-vvv', 'session', 'finished', '42201'],
  ['through-master', 'session', '', ''],
];

describe('real texts', () => {
  it.each(REAL.map((row) => [...row]))('%s: %s, %s', (name, stage, end, port) => {
    const attempts = attemptsOf(sshText(name));
    expect(attempts).toHaveLength(1);
    const [attempt] = attempts;
    expect(attempt?.stage).toBe(stage);
    expect(attempt?.end?.kind ?? '').toBe(end);
    expect(attempt?.port).toBe(port);
    expect(attempt?.client).toMatch(/^OpenSSH_9\.2p1/);
  });

  it('of 7.4: reset on the first write, and no master', () => {
    const attempt = attemptOf(SSH_DEBUG);
    expect(attempt).toMatchObject({
      client: 'OpenSSH_7.4p1',
      host: 'fenix-storage',
      address: '',
      port: '22',
      multiplexing: 'no-master',
      firstWriteFailed: true,
      end: { kind: 'reset', line: 26, text: 'Connection reset by peer' },
    });
    expect(attempt.stage).toBe('connected');
  });

  it('through a proxy: one ssh, whose stages count for nothing', () => {
    const attempts = attemptsOf(sshText('jump'));
    expect(attempts).toHaveLength(1);
    expect(attempts[0]?.proxyLine).toBeGreaterThan(0);
  });

  it('through a master', () => {
    expect(attemptOf(sshText('through-master')).multiplexing).toBe('through-master');
  });
});

/** Messages of other versions and other ends, from OpenSSH's source. */
const OTHER: readonly (readonly [text: readonly string[], stage: string, end: string])[] = [
  [['ssh: connect to host srv port 22: No route to host'], 'connecting', 'unreachable'],
  [['ssh: connect to host srv port 22: Connection timed out'], 'connecting', 'timeout'],
  [['ssh: connect to host srv port 22: Operation timed out'], 'connecting', 'timeout'],
  [['ssh_exchange_identification: read: Connection reset by peer'], 'connected', 'reset'],
  [['ssh_exchange_identification: Connection closed by remote host'], 'connected', 'closed'],
  [['kex_exchange_identification: Connection closed by remote host'], 'connected', 'closed'],
  [['debug1: ssh_exchange_identification: Exceeded MaxStartups'], 'begun', 'turned-away'],
  [[...KEX, 'Read from socket failed: Connection reset by peer'], 'kex', 'reset'],
  [
    [...KEX, 'no matching cipher found: client aes256-ctr server aes128-ctr'],
    'kex',
    'no-common-algorithm',
  ],
  [[...KEX, 'Host key verification failed.'], 'kex', 'host-key'],
  [
    [...AUTH, 'Received disconnect from 10.0.0.2 port 22:2: Too many authentication failures'],
    'auth',
    'denied',
  ],
  [[...SESSION, 'Write failed: Broken pipe'], 'session', 'closed'],
  [
    [...SESSION, 'packet_write_wait: Connection to 10.0.0.2 port 22: Broken pipe'],
    'session',
    'closed',
  ],
  [[...SESSION, 'client_loop: send disconnect: Connection reset by peer'], 'session', 'reset'],
  [[...SESSION, 'Timeout, server srv not responding.'], 'session', 'timeout'],
  [[...SESSION, 'Corrupted MAC on input.'], 'session', 'corrupted'],
  [[...SESSION, 'Connection to srv closed.'], 'session', 'finished'],
  [['ssh: connect to host srv port 22: Verbindungsaufbau abgelehnt'], 'connecting', 'refused'],
];

describe('other messages', () => {
  it.each(OTHER.map(([text, stage, end]) => [text.at(-1) ?? '', text, stage, end] as const))(
    '%s',
    (_last, text, stage, end) => {
      const attempt = attemptOf(text.join('\n'));
      expect(attempt.stage).toBe(stage);
      expect(attempt.end?.kind).toBe(end);
    },
  );

  it('an address that did not answer, before one that did', () => {
    const attempt = attemptOf(
      [
        'debug1: Connecting to srv [2001:db8::2] port 22.',
        'debug1: connect to address 2001:db8::2 port 22: Network is unreachable',
        ...CONNECTED.slice(1),
      ].join('\n'),
    );
    expect(attempt.tries).toEqual([
      { address: '2001:db8::2', port: '22', line: 2, failed: 'unreachable' },
    ]);
    expect(attempt).toMatchObject({ address: '10.0.0.2' });
    expect(attempt.stage).toBe('spoke');
  });

  it('several runs in one text', () => {
    const text = [SSH_DEBUG, sshText('denied'), sshText('session')].join('\n');
    expect(attemptsOf(text).map(({ end }) => end?.kind)).toEqual(['reset', 'denied', 'finished']);
  });
});

describe('pasted texts say the same', () => {
  const LINES = SSH_DEBUG.trimEnd().split('\n');
  const PASTED: readonly (readonly [name: string, text: string])[] = [
    ['CRLF', LINES.join('\r\n')],
    ['quoted', LINES.map((line) => `> ${line}`).join('\n')],
    ['with a prompt', `rui@box:~$ ssh -v fenix-storage\n${SSH_DEBUG}rui@box:~$ `],
    ['with other text between', LINES.join('\nWarnung: Speicher knapp\n')],
    ['with times', LINES.map((line) => `2026-11-28 10:00:00.250 ${line}`).join('\n')],
    ['as ts writes it', LINES.map((line) => `Nov 28 10:00:00 ${line}`).join('\n')],
    ['from a log', LINES.map((line) => `Nov 28 10:00:00 box ssh[77]: ${line}`).join('\n')],
    ['without its first lines', LINES.slice(6).join('\n')],
  ];

  it.each(PASTED.map((row) => [...row]))('%s', (_name, text) => {
    const attempts = attemptsOf(text);
    expect(attempts).toHaveLength(1);
    expect(attempts[0]).toMatchObject({ host: 'fenix-storage' });
    expect(attempts[0]?.stage).toBe('connected');
    expect(attempts[0]?.end?.kind).toBe('reset');
    expect(attempts[0]?.firstWriteFailed).toBe(true);
  });

  it('no ssh is seen in words that others use too', () => {
    const prose = ['write: Connection reset by peer', 'Connection closed by us', 'Exit status 1'];
    expect(attemptsOf(prose.join('\n'))).toEqual([]);
  });
});
