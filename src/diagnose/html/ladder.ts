/**
 * The ladder of one connection: time on the left, client and server as lines, whatever lies between
 * them as a dashed one, an arrow for each packet of the story, and under the packet that a finding
 * rests on the finding's sentence. The same as a table for whoever cannot see it. Owns the layout.
 */
import { ACK, FIN, PSH, RST, SYN, URG } from '../../engine/wire/segment.ts';
import type { Finding } from '../finding.ts';
import { CLIENT, type Flow, type Seen } from '../flow.ts';
import { commentLines } from '../packet-comments.ts';
import { hasFlags, UNKNOWN } from '../packet-record.ts';
import { type StoryRow, sinceText, storyOf } from '../timeline.ts';
import { endpoint, framesText, plural, seqText, sideName, type Wording } from '../wording.ts';
import { wrapText } from '../wrap-text.ts';
import { html, joinMarkup, type Markup } from './markup.ts';

const WIDTH = 760;
const CLIENT_X = 150;
const MIDDLE_X = 445;
const SERVER_X = 740;
const HEAD_HEIGHT = 52;
const ROW_HEIGHT = 40;
const LINE_HEIGHT = 16;
/** At 12 px a letter of the widest usual monospace font takes 7.3. */
const NOTE_CHARACTERS = 76;
const NAME_CHARACTERS = 34;

interface Row extends StoryRow {
  /** Findings whose first frame is here. */
  readonly notes: readonly Finding[];
  readonly lines: readonly (readonly string[])[];
  readonly isDecisive: boolean;
}

export function ladderOf(
  flow: Flow,
  findings: readonly Finding[],
  important: ReadonlySet<number>,
  wording: Wording,
  id: string,
): Markup {
  const rows = rowsOf(flow, findings, important);
  let y = HEAD_HEIGHT;
  const drawn = rows.map((row) => {
    const at = y;
    y += ROW_HEIGHT + row.lines.flat().length * LINE_HEIGHT + (row.lines.length > 0 ? 6 : 0);
    return drawRow(flow, row, at, wording);
  });
  const height = y + 16;
  const told = rows.reduce((sum, { frames }) => sum + frames.length, 0);
  const all = flow.halves[0].packets + flow.halves[1].packets;
  const client = endpoint(flow.client, flow.clientPort);
  const server = endpoint(flow.server, flow.serverPort);
  return html`<figure class="tall">
<div class="box" tabindex="0" role="region" aria-label="Ladder of the packets">
<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="${id}-t ${id}-d">
<title id="${id}-t">Ladder: packets between ${client} and ${server}</title>
<desc id="${id}-d">${plural(rows.length, 'arrow')} from top to bottom in the order of the input; the table below says the same.</desc>
<text class="q" x="8" y="34">time</text>
<text class="w" x="${CLIENT_X}" y="18" text-anchor="middle">client</text>
<text class="q" x="${CLIENT_X}" y="34" text-anchor="middle">${shorten(client)}</text>
<text class="q" x="${MIDDLE_X}" y="18" text-anchor="middle">middlebox?</text>
<text class="w" x="${SERVER_X}" y="18" text-anchor="end">server</text>
<text class="q" x="${SERVER_X}" y="34" text-anchor="end">${shorten(server)}</text>
<line class="life" x1="${CLIENT_X}" x2="${CLIENT_X}" y1="42" y2="${height - 8}"/>
<line class="dashed" x1="${MIDDLE_X}" x2="${MIDDLE_X}" y1="42" y2="${height - 8}"/>
<line class="life" x1="${SERVER_X}" x2="${SERVER_X}" y1="42" y2="${height - 8}"/>
${drawn}
</svg></div>
<figcaption>${told} of the ${plural(all, 'packet')} of this connection. A heavy arrow is a packet that a
finding rests on; a broken one with a cross is a reset. Which box sent what the server’s side shows,
one capture point cannot tell.</figcaption>
${tableOf(flow, rows, wording)}
</figure>`;
}

function rowsOf(
  flow: Flow,
  findings: readonly Finding[],
  important: ReadonlySet<number>,
): readonly Row[] {
  const untold = new Set(findings);
  return storyOf(flow, important).map((row) => {
    const notes = [...untold].filter(({ frames }) => frames.some((f) => row.frames.includes(f)));
    // Said once, at its last packet: only there has all of it been seen.
    const here = notes.filter(({ frames }) => isLastStop(frames, row));
    for (const finding of here) untold.delete(finding);
    return {
      ...row,
      notes: here,
      lines: [...here.map(noteText), ...commentLines(row.packet)].map((text) =>
        wrapText('', text, NOTE_CHARACTERS),
      ),
      isDecisive: row.frames.some((frame) => important.has(frame)),
    };
  });
}

/** The finding's packets end here; of a long list the first that is in the story does. */
function isLastStop(frames: readonly number[], { frames: here }: StoryRow): boolean {
  const last = frames.length > 3 ? frames[0] : frames.at(-1);
  return last !== undefined && here.includes(last);
}

function noteText({ severity, code, summary }: Finding): string {
  return `${severity.toUpperCase()} ${code}: ${summary}.`;
}

function drawRow(flow: Flow, row: Row, top: number, wording: Wording): Markup {
  const { packet, frames, lines, notes, isDecisive } = row;
  const y = top + 24;
  const toServer = packet.dir === CLIENT;
  const from = toServer ? CLIENT_X + 4 : SERVER_X - 4;
  const to = toServer ? SERVER_X - 4 : CLIENT_X + 4;
  const isReset = hasFlags(packet, RST);
  const classes = `msg${isDecisive ? ' strong' : ''}${isReset ? ' rst' : ''}`;
  const back = toServer ? -1 : 1;
  const again = frames.length > 1 ? ` ×${frames.length}` : '';
  let noteY = y + 20;
  return html`<g>
<title>${framesText(wording.frame, frames)}: ${row.what}</title>
<text x="8" y="${y - 3}">${sinceText(flow, packet)}</text>
<text class="q" x="8" y="${y + 11}">${wording.frame} ${packet.frame}${again}</text>
<text x="${CLIENT_X + 14}" y="${y - 6}"${isDecisive ? html` class="w"` : html``}>${labelOf(packet)}</text>
<line class="${classes}" x1="${from}" x2="${to}" y1="${y}" y2="${y}"/>
${
  isReset
    ? html`<path class="mark" d="${`M${to + back * 12 - 6} ${y - 6}l12 12m0 -12l-12 12`}"/>`
    : html`<path class="head" d="${`M${to} ${y}l${back * 9} -4v8z`}"/>`
}
${lines.flatMap((wrapped, index) =>
  wrapped.map((line) => {
    const at = noteY;
    noteY += LINE_HEIGHT;
    return html`<text class="t-${notes[index]?.severity ?? 'note'}" x="${CLIENT_X + 14}" y="${at}">${line}</text>`;
  }),
)}
</g>`;
}

const FLAG_NAMES = [
  [SYN, 'SYN'],
  [FIN, 'FIN'],
  [RST, 'RST'],
  [PSH, 'PSH'],
  [URG, 'URG'],
  [ACK, 'ACK'],
] as const;

function flagsText({ flags }: Seen): string {
  const names = FLAG_NAMES.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  return names.length === 0 ? 'no flags' : names.join(' ');
}

function labelOf(packet: Seen): string {
  const seq = packet.segSeq === null ? '' : ` seq ${seqText(packet.segSeq)}`;
  const ack = packet.segAck === null ? '' : ` ack ${seqText(packet.segAck)}`;
  const len = packet.payloadOctets === 0 ? '' : ` len ${packet.payloadOctets}`;
  return `${flagsText(packet)}${seq}${ack}${len}`;
}

function shorten(text: string): string {
  const chars = [...text];
  if (chars.length <= NAME_CHARACTERS) return text;
  return `${chars.slice(0, NAME_CHARACTERS / 2 - 1).join('')}…${chars.slice(-NAME_CHARACTERS / 2).join('')}`;
}

function tableOf(flow: Flow, rows: readonly Row[], wording: Wording): Markup {
  const head = ['time', wording.frame, 'from', 'flags', 'seq', 'ack', 'octets', 'window', 'what'];
  return html`<details><summary>The same as a table</summary>
<div class="box" tabindex="0" role="region" aria-label="Table of the packets"><table>
<thead><tr>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows.map(({ packet, frames, what, notes }) => {
    const beside = [...notes.map(noteText), ...commentLines(packet)];
    const told = [html`${what}`, ...beside.map((text) => html`${text}`)];
    return html`<tr><td class="num">${sinceText(flow, packet)}</td>
<td>${frames.join(', ')}</td><td>${sideName(packet.dir)}</td><td>${flagsText(packet)}</td>
<td class="num">${numberText(packet.segSeq)}</td><td class="num">${numberText(packet.segAck)}</td>
<td class="num">${packet.payloadOctets}</td>
<td class="num">${packet.segWnd === UNKNOWN ? '' : packet.segWnd}</td>
<td>${joinMarkup(told, '. ')}</td></tr>`;
  })}</tbody></table></div></details>`;
}

function numberText(seq: number | null): string {
  return seq === null ? '' : seqText(seq);
}
