/** Which remove.sh is named: a package's, which only root can change, or the one made here. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { removeScriptPath } from '../../src/config/remove-script-path.ts';
import { writeRemoveScript } from '../../src/datapath/rules/write-remove-script.ts';

const dir = mkdtempSync(join(tmpdir(), 'seqshim-package-'));
afterAll(() => rmSync(dir, { recursive: true }));
mkdirSync(join(dir, 'lib/dist'), { recursive: true });
const program = join(dir, 'lib/dist/cli.js');
writeFileSync(program, '');

it('is in the runtime directory where no package brings one, and written there', () => {
  const removeScript = removeScriptPath(dir, program);
  expect(removeScript).toBe(join(dir, 'remove.sh'));
  writeRemoveScript({ removeScript, runDir: dir });
  expect(readdirSync(dir)).toContain('remove.sh');
});

it('is the package’s, also behind a link, and then none is written', () => {
  const packaged = join(dir, 'lib/remove.sh');
  writeFileSync(packaged, '');
  const link = join(dir, 'seqshim');
  symlinkSync(program, link);
  const removeScript = removeScriptPath('/run/seqshim', link);
  expect(removeScript).toBe(packaged);
  writeRemoveScript({ removeScript, runDir: '/nonexistent' });
});

it('survives a program that has no file', () => {
  expect(removeScriptPath('/run/seqshim', '')).toBe('/run/seqshim/remove.sh');
});
