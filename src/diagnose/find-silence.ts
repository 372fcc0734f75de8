/**
 * `syn-unanswered`: a connection that nobody answered, not even with a refusal. Owns its words.
 */
import { type Finding, makeFinding } from './finding.ts';
import { CLIENT, type Flow, SERVER } from './flow.ts';
import { captureCommand, formatDuration, plural, type Wording } from './wording.ts';

export function silenceFindings(flow: Flow, wording: Wording): Finding[] {
  const [syn] = flow.halves[CLIENT].offers;
  if (syn === undefined || syn.count < 2 || flow.halves[SERVER].packets > 0) return [];
  const over = (syn.timesUs.at(-1) ?? 0) - (syn.timesUs[0] ?? 0);
  return [
    makeFinding({
      code: 'syn-unanswered',
      flow: flow.id,
      frames: syn.frames,
      summary: `Nobody answered: ${plural(syn.count, 'SYN')} in ${formatDuration(over)}, no packet back`,
      explanation:
        'The request to connect was repeated and never answered, not even refused. It is dropped ' +
        'on the way there or back, or the machine is off.',
      certainty: 'proven',
      looksTheSame: ['A capture point that the answers do not pass (asymmetric routing).'],
      remedy: 'Check route and firewall in both directions.',
      decide: captureCommand(flow, wording),
      numbers: { synCount: syn.count },
    }),
  ];
}
