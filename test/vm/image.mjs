/**
 * A Debian to boot in a virtual machine, with Debian's own kernel: made once by mmdebstrap, kept
 * below /var/tmp under a name that tells what is in it. Owns what is in it. It boots systemd, which
 * runs `run.sh` of the second disk, writes to the serial line, and switches the machine off.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PACKAGES } from '../setup.mjs';

const PLACE = '/var/tmp';
const PREFIX = 'seqshim-test-vm-';
const LIMIT_MS = 900_000;
const SIZE = '4G';

/** Large, and what they are for is no matter of the kernel. */
const LEFT_OUT = /^(chromium|tshark|ansible-core|gcc|.*-dev)$/;
const SYSTEM = ['systemd', 'systemd-sysv', 'udev', 'dbus', 'kmod', 'util-linux'];
/** They would answer, load rules, or hang up the serial line. */
const MASKED = [
  'conntrackd',
  'keepalived',
  'ssh',
  'serial-getty@ttyS0',
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
];

const UNIT = `[Unit]
Description=the job of the second disk
After=multi-user.target
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/sh -c 'mkdir -p /job; mount /dev/vdb /job && sh /job/run.sh; sync; umount /job'
ExecStopPost=/bin/systemctl poweroff --force --force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
`;

/** The directory with `disk.img`, `vmlinuz` and `initrd`. */
export function debianImage(release) {
  const names = Object.keys(PACKAGES).filter((name) => !LEFT_OUT.test(name));
  const packages = [...SYSTEM, 'linux-image-cloud-amd64', ...names];
  const hash = createHash('sha256')
    .update([release, UNIT, ...packages, ...MASKED].join())
    .digest('hex');
  const image = join(PLACE, `${PREFIX}${hash.slice(0, 12)}`);
  if (existsSync(image)) return image;
  for (const old of readdirSync(PLACE).filter((entry) => entry.startsWith(PREFIX))) {
    rmSync(join(PLACE, old), { recursive: true, force: true });
  }
  process.stdout.write(
    `Makes a Debian ${release} with its kernel in ${image} (some minutes, once)\n`,
  );
  const partial = `${image}.partial`;
  const root = join(partial, 'root');
  mkdirSync(root, { recursive: true });
  must('mmdebstrap', ['--variant=minbase', `--include=${packages.join(',')}`, release, root]);
  const units = join(root, 'etc/systemd/system');
  writeFileSync(join(units, 'job.service'), UNIT);
  mkdirSync(join(units, 'multi-user.target.wants'), { recursive: true });
  symlinkSync('../job.service', join(units, 'multi-user.target.wants/job.service'));
  for (const name of MASKED) {
    const unit = join(units, name.endsWith('.timer') ? name : `${name}.service`);
    rmSync(unit, { force: true });
    symlinkSync('/dev/null', unit);
  }
  for (const kind of ['vmlinuz', 'initrd']) {
    const file = readdirSync(join(root, 'boot')).find((entry) => entry.startsWith(kind));
    cpSync(join(root, 'boot', file), join(partial, kind));
  }
  must('truncate', ['-s', SIZE, join(partial, 'disk.img')]);
  must('mke2fs', ['-q', '-t', 'ext4', '-d', root, join(partial, 'disk.img')]);
  rmSync(root, { recursive: true, force: true });
  renameSync(partial, image);
  return image;
}

function must(command, args) {
  const made = spawnSync(command, args, { encoding: 'utf8', timeout: LIMIT_MS });
  if (made.status === 0) return;
  const lines = `${made.stdout ?? ''}${made.stderr ?? ''}`.trim().split('\n').slice(-5);
  throw new Error(`${command} failed: ${made.error?.message ?? ''} ${lines.join('\n')}`);
}
