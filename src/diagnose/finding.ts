/**
 * What `diagnose` says: findings, ranked causes, hypotheses. Owns the shapes, which are those of
 * `--json` (schema 1, additive). Sequence numbers in `numbers` are unsigned, units stand last.
 */
import type { Severity } from '../telemetry/code-entry.ts';
import { severityOf } from './severity.ts';

/** proven: nothing else explains the packets. likely: something rarer would, and is named. */
export type Certainty = 'proven' | 'likely' | 'possible';

export interface Cause {
  readonly cause: string;
  readonly reasons: readonly string[];
}

export interface Finding {
  readonly code: string;
  readonly severity: Severity;
  /** `id` of the flow. */
  readonly flow: number;
  readonly frames: readonly number[];
  readonly summary: string;
  /** For somebody who is no TCP expert. */
  readonly explanation: string;
  readonly certainty: Certainty;
  readonly looksTheSame: readonly string[];
  readonly remedy: string;
  /** The command that settles what the input leaves open; empty when nothing is. */
  readonly decide: string;
  readonly numbers: Readonly<Record<string, number>>;
  /** Most likely first; empty where the finding is its own cause. */
  readonly causes: readonly Cause[];
  /** What these packets cannot decide. */
  readonly undecided: string;
}

type Needed = Pick<Finding, 'code' | 'flow' | 'frames' | 'summary' | 'explanation' | 'certainty'>;

/** A finding with its registered severity; what is left out is empty. */
export function makeFinding(given: Needed & Partial<Finding>): Finding {
  return {
    looksTheSame: [],
    remedy: '',
    decide: '',
    numbers: {},
    causes: [],
    undecided: '',
    severity: severityOf(given.code),
    ...given,
  };
}

/** ruled-out: by a packet, which is named. undecided: cannot be told from this input. */
export type Verdict = 'confirmed' | 'possible' | 'undecided' | 'ruled-out';

export interface Hypothesis {
  readonly id: string;
  readonly flow: number;
  readonly verdict: Verdict;
  readonly because: string;
  readonly frames: readonly number[];
  readonly decide: string;
}
