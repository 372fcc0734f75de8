/**
 * `npm run scripts`: all packet scripts, the whole matrix of resets and SYNs, the model end points
 * and the connection states against this kernel, where `npm test` takes a part. Needs root.
 * `-- --rounds N`: so many random packet sequences against conntrack.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { prepare, ROOT } from './setup.mjs';

const { values } = parseArgs({
  options: { yes: { type: 'boolean' }, rounds: { type: 'string', default: '2000' } },
});
const { live, why } = await prepare({ what: 'the packet scripts', yes: values.yes === true });
if (live) {
  const run = spawnSync(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--project',
      'kernel',
      'test/kernel/packet-script',
      'test/kernel/model-endpoint',
      'test/kernel/conntrack',
    ],
    {
      cwd: ROOT,
      stdio: 'inherit',
      env: { ...process.env, SEQSHIM_SCRIPTS: 'all', SEQSHIM_ROUNDS: values.rounds },
    },
  );
  process.exitCode = run.status ?? 1;
} else {
  process.stderr.write(
    `Cannot run scripts without network namespaces (${why}): run this as root\n`,
  );
  process.exitCode = 4;
}
