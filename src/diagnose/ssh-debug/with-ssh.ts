/**
 * Puts what `ssh -v` lines say into a report, beside packets or alone. Owns when that is enough: a
 * failure that ssh names is; one that it only met needs a capture.
 */
import type { Hypothesis } from '../finding.ts';
import type { Report } from '../report.ts';
import { attemptOfFlow, judgeAttempt, mergeHypotheses } from './judge-ssh.ts';
import type { SshAttempt } from './ssh-attempt.ts';

export function withSsh(
  report: Report,
  attempts: readonly SshAttempt[],
): { kind: 'report'; report: Report } {
  const failed = attempts.find((attempt) => attempt.hasFailed());
  const done = (hypotheses: readonly Hypothesis[], enough: boolean) => ({
    kind: 'report' as const,
    report: { ...report, sshAttempts: attempts, hypotheses, enough },
  });
  const [first] = report.hypotheses;
  if (first !== undefined) {
    const flow = report.flows.find(({ id }) => id === first.flow);
    const attempt = flow && attemptOfFlow(attempts, flow);
    if (attempt === undefined) return done(report.hypotheses, report.enough);
    return done(mergeHypotheses(report.hypotheses, judgeAttempt(attempt)), report.enough);
  }
  if (failed === undefined) {
    const whole = attempts.length > 0 && attempts.every((one) => !one.hasFailed());
    return done([], report.enough || whole);
  }
  const hypotheses = judgeAttempt(failed);
  return done(hypotheses, hypotheses.some(isConfirmed));
}

function isConfirmed({ verdict }: Hypothesis): boolean {
  return verdict === 'confirmed';
}

/** ssh itself says why it failed. */
export function isSettledBySsh({ hypotheses }: Report): boolean {
  return hypotheses.some((one) => one.flow === 0 && isConfirmed(one));
}
