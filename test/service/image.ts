/**
 * A Debian to boot, made once by debootstrap and kept below /var/tmp: its name tells what is in it.
 * Every machine gets a layer of its own on top, so that the image never changes. Reads
 * SEQSHIM_DEBIAN: the release, default bookworm.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';

const RELEASE = process.env['SEQSHIM_DEBIAN'] ?? 'bookworm';
const PACKAGES = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'iproute2',
  'nftables',
  'iptables',
  'netfilter-persistent',
  'iptables-persistent',
  'python3',
  'openssh-server',
  'openssh-client',
];
const PLACE = '/var/tmp';
const PREFIX = 'seqshim-test-image-';
const LIMIT_MS = 540_000;

export function debianImage(): string {
  const what = createHash('sha256')
    .update([RELEASE, ...PACKAGES].join())
    .digest('hex');
  const name = `${PREFIX}${what.slice(0, 12)}`;
  const image = `${PLACE}/${name}`;
  if (existsSync(image)) return image;
  for (const old of readdirSync(PLACE).filter((entry) => entry.startsWith(PREFIX))) {
    rmSync(`${PLACE}/${old}`, { recursive: true, force: true });
  }
  const partial = `${image}.partial`;
  const include = `--include=${PACKAGES.join(',')}`;
  // From the mirror that debootstrap itself prefers.
  const args = ['--variant=minbase', include, RELEASE, partial];
  const made = spawnSync('debootstrap', args, { encoding: 'utf8', timeout: LIMIT_MS });
  if (made.status !== 0) {
    const lines = `${made.stdout ?? ''}${made.stderr ?? ''}`.trim().split('\n').slice(-5);
    throw new Error(`debootstrap failed: ${made.error?.message ?? ''} ${lines.join('\n')}`);
  }
  rmSync(`${partial}/var/cache/apt/archives`, { recursive: true, force: true });
  renameSync(partial, image);
  return image;
}
