/** Who is at the other end of a real socket: a real process, of another user where we are root. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { groupId, peerOf } from '../../src/datapath/peer-credentials.ts';
import type { Peer } from '../../src/telemetry/audit.ts';

const STRANGER = 64_001;
const GROUPS = [64_002, 64_003];
/** Says one octet and its own pid, and stays until it is hung up on. */
const CLIENT = `
  const socket = require('net').createConnection(process.argv[1], () => socket.write('x'));
  socket.on('close', () => console.log(process.pid)).resume();`;

let dir: string;
let server: Server;
const peers: (Peer | undefined)[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'seqshim-peer-'));
  chmodSync(dir, 0o755);
  peers.length = 0;
  server = createServer((socket) => {
    socket.on('data', () => {
      peers.push(peerOf(socket));
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(join(dir, 'socket'), resolve));
  chmodSync(join(dir, 'socket'), 0o666);
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(dir, { recursive: true });
});

/** The pid of the client. */
function connect(as: readonly string[]): Promise<number> {
  const [program = '', ...args] = [...as, process.execPath, '-e', CLIENT, join(dir, 'socket')];
  return new Promise((resolve, reject) => {
    const options = { timeout: 20_000, cwd: '/' };
    execFile(program, args, options, (error, stdout) => {
      if (error === null) resolve(Number(stdout));
      else reject(error);
    });
  });
}

describe('peerOf()', () => {
  it('names the process that connected, its user and its groups', async () => {
    const isRoot = process.getuid?.() === 0;
    const who = ['--reuid', STRANGER, '--regid', STRANGER, '--groups', GROUPS.join(',')];
    const pid = await connect(isRoot ? ['setpriv', ...who.map(String)] : []);
    const [uid, gid] = isRoot ? [STRANGER, STRANGER] : [process.getuid?.(), process.getgid?.()];
    expect(peers).toEqual([{ pid, uid, gid, groups: isRoot ? GROUPS : expect.any(Array) }]);
  });
});

describe('groupId()', () => {
  it('finds a group, and no other', () => {
    expect(groupId('root')).toBe(0);
    expect(groupId('no-such-group-here')).toBeUndefined();
  });
});
