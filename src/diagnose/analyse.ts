/**
 * From connections to findings and hypotheses. Owns the order in which they are said: the worst
 * first, within a connection cause before consequence.
 */

import type { AddressTurns } from './address-turns.ts';
import { findConflict } from './conflict.ts';
import { addressFindings } from './find-address.ts';
import { checksumFindings } from './find-checksums.ts';
import { conflictFindings } from './find-conflict.ts';
import { handshakeFindings } from './find-handshake.ts';
import { idleFindings } from './find-idle.ts';
import { jumpFindings } from './find-jump.ts';
import { optionFindings } from './find-options.ts';
import { resetFindings } from './find-resets.ts';
import { sackFindings } from './find-sack.ts';
import { silenceFindings } from './find-silence.ts';
import { staleAckFindings } from './find-stale-ack.ts';
import { stallFindings } from './find-stall.ts';
import type { Finding, Hypothesis } from './finding.ts';
import { CLIENT, type Flow, SERVER } from './flow.ts';
import { judgeHypotheses } from './hypotheses.ts';
import { weakenFindings } from './lossy.ts';
import { severityRank } from './severity.ts';
import type { Wording } from './wording.ts';

export interface Analysis {
  readonly findings: readonly Finding[];
  /** About the connection with the worst finding; empty when there is none. */
  readonly hypotheses: readonly Hypothesis[];
  /** Whether a connection was seen from its beginning, so that silence means health. */
  readonly enough: boolean;
}

/**
 * `before`: what those connections showed together that are counted only. `isSettled`: something
 * else has decided whether the flow has this code.
 */
export function analyse(
  flows: readonly Flow[],
  wording: Wording,
  before?: AddressTurns,
  isSettled: (flow: Flow, code: string) => boolean = () => false,
): Analysis {
  const byFlow = flows.map((flow) => ({
    flow,
    findings: flowFindings(flow, wording).filter(({ code }) => !isSettled(flow, code)),
  }));
  const byId = new Map(byFlow.map(({ flow, findings }) => [flow.id, findings]));
  for (const finding of addressFindings(flows, wording, before))
    byId.get(finding.flow)?.push(finding);
  const troubled = byFlow.filter(({ findings }) => findings.length > 0);
  troubled.sort((a, b) => worst(b.findings) - worst(a.findings));
  const [main] = troubled;
  const failed = main !== undefined && worst(main.findings) > severityRank('note');
  return {
    findings: troubled.flatMap(({ findings }) => findings),
    hypotheses: failed ? judgeHypotheses(main.flow, main.findings, wording) : [],
    enough: failed || flows.some(isWhole),
  };
}

/** Of one connection by itself, cause before consequence. */
export function flowFindings(flow: Flow, wording: Wording): Finding[] {
  const conflict = findConflict(flow);
  const found = [
    ...(conflict === undefined ? [] : conflictFindings(flow, conflict, wording)),
    ...idleFindings(flow, wording),
    ...resetFindings(flow, conflict, wording),
    ...staleAckFindings(flow, wording),
    ...silenceFindings(flow, wording),
    // Numbers that two end points chose are no jump, and options of two answers no pair.
    ...(conflict === undefined ? jumpFindings(flow, wording) : []),
    ...optionFindings(flow, wording),
    ...sackFindings(flow, wording),
  ];
  found.push(...checksumFindings(flow, wording, hasFault(found)));
  // What is said of any connection that hangs is said where nothing tells why.
  for (const finish of [handshakeFindings, stallFindings]) {
    const more = finish(flow, wording);
    const odd = more.filter(
      ({ severity, code }) => severity === 'note' || code === 'split-handshake',
    );
    found.push(...(hasFault(found) ? odd : more));
  }
  const weakened = weakenFindings(found, flow, wording);
  if (weakened.length === 0) flow.packets.dropList();
  return weakened;
}

function hasFault(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity !== 'note');
}

function worst(findings: readonly Finding[]): number {
  return Math.max(...findings.map(({ severity }) => severityRank(severity)));
}

/** Opened and answered, or refused, before our eyes. */
function isWhole(flow: Flow): boolean {
  return flow.halves[CLIENT].offers.length > 0 && flow.halves[SERVER].packets > 0;
}
