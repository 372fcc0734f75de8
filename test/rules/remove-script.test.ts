/** remove.sh: short, plain, and readable by the shell that Debian calls sh. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { removeScript } from '../../src/datapath/rules/remove-script.ts';

describe('removeScript()', () => {
  const text = removeScript('0.1.0');

  it('has at most twenty lines', () => {
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(20);
  });

  it('is plain POSIX sh and needs nothing of ours', () => {
    execFileSync('sh', ['-n'], { input: text });
    expect(text.replace(/^#.*$/gm, '')).not.toMatch(/\bnode\b|\[\[|<\(|\bfunction\b|seqshim down/);
  });
});
