/** The last part of the demo: what `diagnose` says of the original trace. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { diagnose } from '../cli/diagnose.ts';

const TRACE = 'jumpbox-first-connection-reset.txt';

export async function explainTrace(): Promise<void> {
  process.stdout.write(`\n$ seqshim diagnose test/fixtures/${TRACE}\n\n`);
  await diagnose({ file: [fixture()], 'fail-on': 'error' });
}

function fixture(): string {
  for (const base of ['../', '../../', '../../../']) {
    const path = fileURLToPath(new URL(`${base}test/fixtures/${TRACE}`, import.meta.url));
    if (existsSync(path)) return path;
  }
  throw new Error(`test/fixtures/${TRACE} is missing`);
}
