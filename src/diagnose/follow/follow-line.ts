/**
 * One finding as one line, for a person or as JSON. Owns the layout and the JSON names (schema 1,
 * additive). The time is the capture's: of the newest packet that the finding names and that is
 * kept, else of the connection's last one.
 */
import type { Finding } from '../finding.ts';
import type { Flow } from '../flow.ts';
import { UNKNOWN } from '../packet-record.ts';
import { endpoint } from '../wording.ts';
import type { Told } from './follower.ts';

/** Earlier than this it is a time of day: tcpdump's text has no date without `-tttt`. */
const DATED_US = 10 * 365 * 86_400_000_000;
/** The last year that RFC 3339 can write. */
const DATED_MAX_US = 253_402_300_799_000_000;

export function followLine({ kind, flow, finding }: Told): string {
  const ends = `${endpoint(flow.client, flow.clientPort)} → ${endpoint(flow.server, flow.serverPort)}`;
  const time = timeText(timeOf(flow, finding));
  const about = `${time === '' ? '' : `${time} `}${finding.severity.toUpperCase()} ${finding.code}`;
  const what = kind === 'finding' ? finding.summary : `not so: ${finding.summary}`;
  return `${about} ${ends}: ${what}\n`;
}

export function followJson(input: string, { kind, flow, finding }: Told): string {
  const time = timeText(timeOf(flow, finding));
  const { severity, code, summary, ...rest } = finding;
  return `${JSON.stringify({
    schema: 1,
    event: kind,
    ...(time === '' ? {} : { time }),
    severity,
    code,
    summary,
    input,
    client: flow.client,
    clientPort: flow.clientPort,
    server: flow.server,
    serverPort: flow.serverPort,
    ...rest,
  })}\n`;
}

function timeOf(flow: Flow, { frames }: Finding): number {
  const named = new Set(frames);
  const last = flow.kept.findLast(({ frame, timeUs }) => named.has(frame) && timeUs !== UNKNOWN);
  return last?.timeUs ?? flow.lastUs;
}

/** RFC 3339 in UTC where the input knows the date, else its own time of day; empty: no times. */
function timeText(timeUs: number): string {
  if (timeUs < 0 || timeUs > DATED_MAX_US) return '';
  const text = new Date(timeUs / 1000).toISOString();
  return timeUs < DATED_US ? text.slice(11, -1) : text;
}
