/**
 * What vitest's JSON report says, in numbers: passed, failed, skipped, and of those the excused.
 */
import { readFileSync } from 'node:fs';

const CAPTURES_ABSENT = /captures are absent/;

/** `ci`: what was skipped without an excuse has failed. A report that cannot be read is empty. */
export function countTests(file, ci) {
  const counts = { passed: 0, failed: 0, skipped: 0, excused: 0 };
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return counts;
  }
  for (const suite of report.testResults) {
    const tests = suite.assertionResults;
    const failed = tests.filter((test) => test.status === 'failed').length;
    counts.passed += tests.filter((test) => test.status === 'passed').length;
    const skipped = tests.filter((test) => !/^(passed|failed)$/.test(test.status));
    counts.skipped += skipped.length;
    // Captures of other projects are no part of a clone: their absence is said, and no failure.
    counts.excused += skipped.filter((test) => CAPTURES_ABSENT.test(test.fullName)).length;
    // A file that could not be loaded has no tests, but it failed.
    counts.failed += suite.status === 'failed' && failed === 0 ? 1 : failed;
  }
  if (ci) counts.failed += counts.skipped - counts.excused;
  return counts;
}
