/**
 * The findings of each connection, by its id. Owns nothing. Made once per report: looking for them
 * per connection is quadratic, and a capture can have 16,384 connections with findings.
 */
import type { Finding } from './finding.ts';

/** In the order of the findings, which is worst first. */
export function findingsByFlow(findings: readonly Finding[]): Map<number, Finding[]> {
  const groups = new Map<number, Finding[]>();
  for (const finding of findings) {
    const group = groups.get(finding.flow);
    if (group === undefined) groups.set(finding.flow, [finding]);
    else group.push(finding);
  }
  return groups;
}
