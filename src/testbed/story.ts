/** One human sentence about a saved connection, from its events. Owns nothing. */
import type { LogLine } from './shim-process.ts';

export function storyOf(events: readonly LogLine[]): string {
  const first = (code: string) => events.find((line) => line['code'] === code);
  const many = (code: string) => events.filter((line) => line['code'] === code).length;
  const flow = String(events[0]?.['flow'] ?? '');
  const parts: string[] = [];
  const conflict = first('synack-conflict');
  if (conflict !== undefined) {
    parts.push(
      `two end points answered its SYN (ISN ${conflict['isn']}, and ${conflict['otherIsn']} ${conflict['afterMs']} ms after the SYN)`,
    );
  }
  if (many('synack-dropped') > 0) parts.push('the second SYN-ACK was kept away from the client');
  const moved = first('reanchored');
  const refuted = first('rst-refuted');
  if (moved !== undefined) {
    parts.push(
      `the first end point does not exist, so after ${moved['afterMs']} ms the session was moved to the real server’s numbers`,
    );
  } else if (refuted !== undefined) {
    const resets = many('rst-refuted');
    const how = Number(refuted['probes']) > 0 ? 'the server answered a probe' : 'data followed it';
    parts.push(
      resets === 1
        ? `a reset ${refuted['seq']} was held and refuted after ${refuted['afterMs']} ms (${how})`
        : `${resets} resets were held and refuted, the first after ${refuted['afterMs']} ms (${how})`,
    );
  }
  const inexact = many('rst-inexact');
  if (parts.length === 0 && inexact > 0) {
    parts.push(
      inexact === 1
        ? 'a reset with a wrong number passed unchanged; the host ignored it'
        : `${inexact} resets with wrong numbers passed unchanged; the host ignored them`,
    );
  }
  return parts.length === 0 ? '' : `${flow}: ${parts.join('; ')}.`;
}
