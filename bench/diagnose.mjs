/**
 * `node bench/diagnose.mjs [--packets N] [--rounds N] [--no-tshark] [--json]`: `diagnose`,
 * `tcptrace` and `tshark -z expert` read the same headers-only capture, which is made first, in
 * turns, each on one core; tshark, which takes minutes, once. Needs a built seqshim. Processor
 * seconds, user's and system's, so that what else the machine does counts little, the median of all
 * rounds; memory in MB, at its peak.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { programExists } from './spaces.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const FRAME_BYTES = 66;
const RECORD_BYTES = 16 + FRAME_BYTES;
const PER_CONNECTION = 1000;
const PER_WRITE = 10_000;
const PAYLOAD_BYTES = 1000;
/** A tool that needs longer than this is slower, whatever it would have said. */
const LONGEST_MS = 1_200_000;

/** Eight connections at a time: each is opened, used both ways, closed. Always the same. */
function writeCapture(path, packets) {
  const file = openSync(path, 'w');
  const hash = createHash('sha256');
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(FRAME_BYTES, 16);
  header.writeUInt32LE(1, 20);
  writeSync(file, header);
  hash.update(header);
  for (let first = 0; first < packets; first += PER_WRITE) {
    const count = Math.min(PER_WRITE, packets - first);
    const block = Buffer.alloc(count * RECORD_BYTES);
    for (let index = 0; index < count; index++) {
      writeRecord(block, index * RECORD_BYTES, first + index);
    }
    writeSync(file, block);
    hash.update(block);
  }
  closeSync(file);
  return hash.digest('hex').slice(0, 16);
}

function writeRecord(block, at, number) {
  const round = Math.floor(number / (8 * PER_CONNECTION));
  const connection = round * 8 + (number % 8);
  const step = Math.floor((number % (8 * PER_CONNECTION)) / 8);
  const fromClient = step === 0 || (step > 1 && step % 2 === 0);
  const isData = fromClient && step > 2 && step < PER_CONNECTION - 4;
  let flags = isData ? 0x18 : 0x10;
  if (step < 2) flags = step === 0 ? 0x02 : 0x12;
  else if (step === PER_CONNECTION - 2 || step === PER_CONNECTION - 1) flags = 0x11;
  const before = Math.max(0, Math.min(PER_CONNECTION / 2 - 2, step >> 1) - 2);
  const acknowledged = Math.max(0, Math.min(PER_CONNECTION / 2 - 3, (step >> 1) - 1));
  block.writeUInt32LE(1_700_000_000 + Math.floor(number / 100_000), at);
  block.writeUInt32LE((number % 100_000) * 10, at + 4);
  block.writeUInt32LE(FRAME_BYTES, at + 8);
  const payload = isData ? PAYLOAD_BYTES : 0;
  block.writeUInt32LE(FRAME_BYTES + payload, at + 12);
  const ip = at + 16 + 14;
  block.writeUInt16BE(0x0800, ip - 2);
  block[ip] = 0x45;
  block.writeUInt16BE(52 + payload, ip + 2);
  block[ip + 8] = 64;
  block[ip + 9] = 6;
  const client = 0x0a000001 + (connection >> 14);
  block.writeUInt32BE(fromClient ? client : 0x0aff0001, ip + 12);
  block.writeUInt32BE(fromClient ? 0x0aff0001 : client, ip + 16);
  const port = 20_000 + (connection & 0x3fff);
  const tcp = ip + 20;
  block.writeUInt16BE(fromClient ? port : 22, tcp);
  block.writeUInt16BE(fromClient ? 22 : port, tcp + 2);
  const base = Math.imul(connection, 0x9e3779b1) >>> 0;
  const clientSeq = step === 0 ? 0 : 1 + before * PAYLOAD_BYTES;
  const serverSeq = step < 2 ? 0 : 1;
  const seq = fromClient ? base + clientSeq : base + 0x40000000 + serverSeq;
  const ack = fromClient ? base + 0x40000001 : base + 1 + acknowledged * PAYLOAD_BYTES;
  block.writeUInt32BE(seq >>> 0, tcp + 4);
  block.writeUInt32BE(step === 0 ? 0 : ack >>> 0, tcp + 8);
  block[tcp + 12] = 0x80;
  block[tcp + 13] = flags;
  block.writeUInt16BE(64_000, tcp + 14);
  block.writeUInt32BE(0x0101080a, tcp + 20);
  block.writeUInt32BE(number >>> 3, tcp + 24);
  if (payload === 0) block.writeUInt16BE(checksum(block, ip), tcp + 16);
}

/** Of a segment without payload, which is all there: a wrong one would be a finding. */
function checksum(block, ip) {
  let sum = 6 + 32;
  for (let at = ip + 12; at < ip + 52; at += 2) sum += block.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const FIGURES = /seqshim-bench ([\d.]+) ([\d.]+) (\d+)/;

const TOOLS = {
  seqshim: (path) => [process.execPath, CLI, 'diagnose', path],
  tcptrace: (path) => ['tcptrace', '-n', path],
  tshark: (path) => ['tshark', '-n', '-q', '-z', 'expert', '-r', path],
};

export function benchDiagnose({ packets = 10_000_000, rounds = 5, tshark = true } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'seqshim-bench-'));
  try {
    const path = join(dir, 'headers.pcap');
    const hash = writeCapture(path, packets);
    const taken = {};
    for (let round = 0; round < rounds; round++) {
      for (const [name, command] of Object.entries(TOOLS)) {
        if (name === 'tshark' && (!tshark || round > 0)) continue;
        taken[name] ??= [];
        taken[name].push(measure(command(path), packets));
      }
    }
    const rows = Object.fromEntries(
      Object.entries(taken).map(([name, all]) => [name, middleOf(all)]),
    );
    return { packets, rounds, hash, rows };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** By time; what failed once is told. */
function middleOf(all) {
  const failed = all.find(({ seconds }) => seconds === undefined);
  return failed ?? all.sort((a, b) => a.seconds - b.seconds)[all.length >> 1];
}

/** GNU time measures the peak of a program that is not ours. */
function measure(command, packets) {
  if (!programExists(command[0])) return { missing: true };
  const args = ['-c', '0', '/usr/bin/time', '-f', 'seqshim-bench %U %S %M', ...command];
  const stdio = ['ignore', 'ignore', 'pipe'];
  const done = spawnSync('taskset', args, { encoding: 'utf8', stdio, timeout: LONGEST_MS });
  const [, user, system, kilobytes] = FIGURES.exec(done.stderr) ?? [];
  const seconds = Number(user) + Number(system);
  if (kilobytes === undefined) return { failed: done.stderr.trim().split('\n')[0] ?? 'no answer' };
  return {
    seconds: Math.round(seconds * 100) / 100,
    packetsPerSecond: Math.round(packets / seconds),
    peakMb: Math.round(Number(kilobytes) / 1000),
  };
}

export function printDiagnose({ packets, rounds, hash, rows }) {
  console.log(`Reading ${packets} packets, headers only (${hash}), median of ${rounds}\n`);
  for (const [name, row] of Object.entries(rows)) {
    const said =
      row.seconds === undefined
        ? (row.failed ?? 'not installed')
        : `${String(row.packetsPerSecond).padStart(9)} packets/s  ${row.seconds} s  ${row.peakMb} MB`;
    console.log(`${name.padEnd(10)}${said}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const number = (option, usual) => {
    const given = process.argv.indexOf(option);
    return given < 0 ? usual : Number(process.argv[given + 1]);
  };
  const result = benchDiagnose({
    packets: number('--packets', 10_000_000),
    rounds: number('--rounds', 5),
    tshark: !process.argv.includes('--no-tshark'),
  });
  if (process.argv.includes('--json')) console.log(JSON.stringify({ schema: 1, ...result }));
  else printDiagnose(result);
}
