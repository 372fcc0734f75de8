/**
 * `timestamps-stripped`, `window-scale-stripped`, `sack-permitted-stripped`: the words for what
 * stripped.ts found.
 */
import { seqDiff } from '../engine/wire/seq.ts';
import { type Certainty, type Finding, makeFinding } from './finding.ts';
import { ALLOW_OPTIONS } from './firewall-advice.ts';
import { CLIENT, type Flow } from './flow.ts';
import { findStripped, type Option, type Proof, type Stripped } from './stripped.ts';
import { captureCommand, observeAdvice, plural, type Wording } from './wording.ts';

const WORDS: Readonly<Record<Option, string>> = {
  timestamps: 'timestamps',
  'window-scale': 'window scale',
  'sack-permitted': 'SACK-permitted',
};

const COSTS: Readonly<Record<Option, string>> = {
  timestamps:
    'The server then puts timestamps on everything and may drop what comes without them (RFC 7323 ' +
    '§3.2): the connection hangs behind the handshake. Linux puts up with it.',
  'window-scale':
    'Each end then misreads the other’s windows, by a factor of a hundred or so: one side trickles, ' +
    'the other sends more than there is room for.',
  'sack-permitted':
    'The server then waits for SACK blocks that never come, or sends some that are not understood: ' +
    'after each loss it has to wait for its timer.',
};

export function optionFindings(flow: Flow, wording: Wording): Finding[] {
  return findStripped(flow).map((stripped) => strippedFinding(flow, stripped, wording));
}

function strippedFinding(flow: Flow, stripped: Stripped, wording: Wording): Finding {
  const { option, syn, synAck, fromSyn, proofs } = stripped;
  const words = WORDS[option];
  // A server that takes data without timestamps does not insist on them.
  const tolerated = option === 'timestamps' && tookData(flow);
  const victim = fromSyn ? syn : synAck;
  const name = fromSyn ? 'SYN' : 'SYN-ACK';
  return makeFinding({
    code: `${option}-stripped`,
    flow: flow.id,
    frames: [...new Set([syn.frame, synAck.frame, ...proofs.map(({ frame }) => frame)])].sort(
      (a, b) => a - b,
    ),
    summary: `The ${name} loses its ${words} on the way (${wording.frame} ${victim.frame})`,
    explanation: [
      ...proofs.map((proof) => proofSentence(proof, words, name, wording)),
      fromSyn
        ? 'Both ends then do without: it costs speed, not connections.'
        : `The client asked for ${words} in ${wording.frame} ${syn.frame}. ${COSTS[option]}`,
    ].join(' '),
    ...(fromSyn || tolerated ? { severity: 'note' as const } : {}),
    certainty: certaintyOf(option, proofs),
    looksTheSame:
      certaintyOf(option, proofs) === 'proven' ? [] : ['An end point that breaks the RFC.'],
    remedy: `${ALLOW_OPTIONS} ${fromSyn ? '' : observeAdvice(flow)}`.trim(),
    decide: captureCommand(flow, wording),
  });
}

/** The server has acknowledged octets of the client behind the handshake. */
function tookData(flow: Flow): boolean {
  const { sndUna } = flow.tracks.halves[CLIENT].numbers;
  const syn = flow.halves[CLIENT].offers[0];
  return sndUna !== null && syn !== undefined && seqDiff(sndUna, syn.isn) > 1;
}

function certaintyOf(option: Option, proofs: readonly Proof[]): Certainty {
  if (proofs.length > 1) return 'proven';
  const [only] = proofs;
  if (only?.by === 'nops') return only.count >= 10 ? 'proven' : 'likely';
  return only?.by === 'server' && option !== 'window-scale' ? 'proven' : 'likely';
}

function proofSentence(proof: Proof, words: string, name: string, wording: Wording): string {
  const where = `${wording.frame} ${proof.frame}`;
  if (proof.by === 'nops') {
    return (
      `The ${name} in ${where} has ${plural(proof.count, 'NOP')} in a row where ${words} would ` +
      'stand: nobody pads so, a device wrote over the option.'
    );
  }
  if (proof.by === 'client') {
    return (
      `The SYN-ACK left with ${words}, and the client, which had asked for it, goes on in ${where} ` +
      'as if it had not come.'
    );
  }
  return proof.shift > 0
    ? `In ${where} the server’s window is exactly that of its SYN-ACK divided by 2^${proof.shift}: ` +
        'it scales its windows, so its SYN-ACK had said so.'
    : `In ${where} the server uses what its SYN-ACK, as it came here, does not agree to.`;
}
