/**
 * The time–sequence plot of one direction: data, what the other side acknowledged, how far its
 * window reached, SACK blocks, what was sent again, and the packets that decide. Inline SVG with a
 * description in words. Owns the drawing; which points are drawn is said below it.
 */
import { FIN, RST, SYN } from '../../engine/wire/segment.ts';
import { CLIENT, type Direction, type Flow, SERVER, type Seen } from '../flow.ts';
import { hasFlags } from '../packet-record.ts';
import { formatDuration, plural, sideName, type Wording } from '../wording.ts';
import { html, type Markup, NOTHING, when } from './markup.ts';
import type { PlotPoints } from './plot-book.ts';
import { AGAIN, type Point } from './plot-lane.ts';
import {
  BOTTOM,
  chooseScale,
  columnOf,
  isWithin,
  LEFT,
  PLOT_HEIGHT,
  PLOT_WIDTH,
  RIGHT,
  rowOf,
  type Scale,
  TOP,
} from './plot-scale.ts';
import { stepsOf, strokesOf } from './plot-strokes.ts';

const TICK_COUNT = 4;
/** Names beside marks that stand closer than this could not be read. */
const NAME_APART_PX = 90;
const NAME_HEIGHT_PX = 14;

export interface PlotAbout {
  readonly flow: Flow;
  readonly points: PlotPoints;
  readonly important: ReadonlySet<number>;
  readonly wording: Wording;
  /** For ids that are unique in the page. */
  readonly id: string;
}

/** Nothing where no data was sent in this direction, or the input has no times. */
export function plotOf(about: PlotAbout, dir: Direction): Markup {
  const peer = dir === CLIENT ? SERVER : CLIENT;
  const sent = [...about.points.lanes[dir].points()];
  const acks = [...about.points.lanes[peer].points()];
  const scale = chooseScale(sent, acks);
  if (scale === undefined) return NOTHING;
  const inScale = (point: Point) =>
    !Number.isNaN(point.lo) &&
    isWithin(scale, point.timeUs, point.lo) &&
    isWithin(scale, point.timeUs, point.hi);
  const isPlain = ({ flags }: Point) => (flags & RST) === 0;
  const visible = sent.filter((point) => inScale(point) && isPlain(point));
  const fresh = strokesOf(
    scale,
    visible.filter(({ kind }) => (kind & AGAIN) === 0),
  );
  const again = strokesOf(
    scale,
    visible.filter(({ kind }) => (kind & AGAIN) !== 0),
  );
  const sacks = strokesOf(scale, about.points.sacks[dir]);
  const ackPath = stepsOf(
    scale,
    acks.map(({ timeUs, ack }) => [timeUs, ack] as const),
  );
  const edgePath = scale.edgeShown
    ? stepsOf(
        scale,
        acks.map(({ timeUs, edge }) => [timeUs, edge] as const),
      )
    : '';
  const marks = marksOf(about, dir, scale);
  const described = [
    `${plural(
      visible.reduce((sum, { packets }) => sum + packets, 0),
      'packet',
    )} with data, SYN or FIN`,
    `${plural(again.spans, 'stroke')} sent again or out of order`,
    `${plural(about.points.sacksSeen[dir], 'SACK block')}`,
    `${plural(marks.shown.length, 'marked packet')}`,
  ].join(', ');
  const name = `${sideName(dir)} to ${sideName(peer)}`;
  const id = `${about.id}-${sideName(dir)}`;
  return html`<figure>
<div class="box" tabindex="0" role="region" aria-label="${`Plot, data from ${name}`}">
<svg viewBox="0 0 ${PLOT_WIDTH} ${PLOT_HEIGHT}" role="img" aria-labelledby="${id}-t ${id}-d">
<title id="${id}-t">Time and sequence numbers, data from ${name}</title>
<desc id="${id}-d">${described}. The packets that decide stand in the table below the ladder.</desc>
${axes(about, scale, dir)}${legend(again.drawn > 0, sacks.drawn > 0, edgePath !== '')}
${stroke('edge', edgePath)}${stroke('ack', ackPath)}${stroke('sack', sacks.path)}
${stroke('data', fresh.path)}${stroke('again', again.path)}${marks.markup}
</svg></div>
<figcaption>Data from ${name}. ${honesty(about, dir, scale, sent, visible, fresh.drawn + again.drawn)}${when(
    marks.off > 0,
    () => html` ${plural(marks.off, 'marked packet')} lie off this scale (other
numbers, or much later): see the ladder.`,
  )}</figcaption>
</figure>`;
}

function stroke(name: string, path: string): Markup {
  return when(path !== '', () => html`<path class="${name}" d="${path}"/>`);
}

/** How many are drawn of how many, and what was left out. */
function honesty(
  about: PlotAbout,
  dir: Direction,
  scale: Scale,
  sent: readonly Point[],
  visible: readonly Point[],
  strokes: number,
): string {
  const of = sent.filter(({ lo, hi }) => hi > lo).reduce((sum, { packets }) => sum + packets, 0);
  const shown = visible.reduce((sum, { packets }) => sum + packets, 0);
  const parts = [
    `${shown} of ${plural(of, 'packet')} with data, SYN or FIN are drawn, as ${plural(strokes, 'stroke')}: ` +
      'those that share a column of one pixel share a stroke from their lowest to their highest octet.',
  ];
  const blocks = about.points.sacks[dir];
  const seen = about.points.sacksSeen[dir];
  if (seen > blocks.length) parts.push(`${blocks.length} of ${seen} SACK blocks were kept.`);
  if (!scale.edgeShown) {
    parts.push('The window’s edge is left out: it is unknown here, or far above the data.');
  }
  return parts.join(' ');
}

function axes(about: PlotAbout, scale: Scale, dir: Direction): Markup {
  const base = about.flow.halves[dir].offers[0]?.isn;
  const start = base === undefined ? scale.from : nearest(about, dir, base, scale.from);
  const bottom = PLOT_HEIGHT - BOTTOM;
  const rows = ticks(scale.from, scale.to).map((octets) => {
    const y = rowOf(scale, octets);
    return html`<line class="grid" x1="${LEFT}" x2="${PLOT_WIDTH - RIGHT}" y1="${y}" y2="${y}"/>
<text class="q" x="${LEFT - 8}" y="${y + 4}" text-anchor="end">${octetsText(octets - start)}</text>`;
  });
  const columns = ticks(scale.fromUs, scale.toUs).map((timeUs) => {
    const x = columnOf(scale, timeUs);
    return html`<line class="grid" x1="${x}" x2="${x}" y1="${TOP}" y2="${bottom}"/>
<text class="q" x="${x}" y="${bottom + 18}" text-anchor="middle">${sinceStart(timeUs - scale.fromUs)}</text>`;
  });
  return html`${rows}${columns}
<text class="q" x="${PLOT_WIDTH - RIGHT}" y="${bottom + 36}" text-anchor="end">time since the first packet</text>
<text class="q" x="8" y="${bottom + 36}">octets since the initial number, upwards</text>`;
}

function nearest(about: PlotAbout, dir: Direction, isn: number, near: number): number {
  const ahead = ((about.points.numbers[dir].place(isn) - near) | 0) + near;
  return Number.isFinite(ahead) ? ahead : near;
}

function ticks(from: number, to: number): number[] {
  return Array.from({ length: TICK_COUNT }, (_none, index) =>
    Math.round(from + ((to - from) * (index + 0.5)) / TICK_COUNT),
  );
}

function octetsText(octets: number): string {
  if (Math.abs(octets) < 10_000) return String(Math.round(octets));
  if (Math.abs(octets) < 1e7) return `${(octets / 1e3).toFixed(0)}k`;
  return `${(octets / 1e6).toFixed(1)}M`;
}

function sinceStart(us: number): string {
  return us <= 0 ? '0' : formatDuration(us);
}

function legend(again: boolean, sack: boolean, edge: boolean): Markup {
  const entries = [
    ['data', 'data'],
    ['ack', 'acknowledged'],
    ...(edge ? [['edge', 'window edge'] as const] : []),
    ...(again ? [['again', 'again / out of order'] as const] : []),
    ...(sack ? [['sack', 'SACK block'] as const] : []),
  ] as const;
  return html`${entries.map(([name, words], index) => {
    const x = LEFT + index * 135;
    return html`<line class="${name}" x1="${x}" x2="${x + 22}" y1="16" y2="16"/>
<text x="${x + 28}" y="20">${words}</text>`;
  })}`;
}

interface Marks {
  readonly markup: Markup;
  readonly shown: readonly Seen[];
  readonly off: number;
}

/** SYN, FIN and RST of this direction, and every packet that a finding rests on. */
function marksOf(about: PlotAbout, dir: Direction, scale: Scale): Marks {
  const { flow, important, points, wording } = about;
  const line = points.numbers[dir];
  const shown: Seen[] = [];
  const drawn: Markup[] = [];
  let off = 0;
  const names: (readonly [x: number, y: number])[] = [];
  for (const packet of flow.kept) {
    const isControl = (packet.flags & (SYN | FIN | RST)) !== 0;
    if (!isControl && !important.has(packet.frame)) continue;
    const number = packet.dir === dir ? packet.segSeq : packet.segAck;
    if (packet.dir !== dir && (isControl || number === null)) continue;
    const octets = number === null ? Number.NaN : line.place(number);
    if (!isWithin(scale, packet.timeUs, octets)) {
      off += 1;
      continue;
    }
    const x = columnOf(scale, packet.timeUs);
    const y = rowOf(scale, octets);
    const isFree = names.every(
      ([nameX, nameY]) =>
        Math.abs(nameX - x) > NAME_APART_PX || Math.abs(nameY - y) > NAME_HEIGHT_PX,
    );
    const named = important.has(packet.frame) && isFree;
    if (named) names.push([x, y]);
    shown.push(packet);
    const atEnd = x > PLOT_WIDTH - NAME_APART_PX - RIGHT;
    drawn.push(html`<g><title>${`${wording.frame} ${packet.frame}: ${markName(packet)}`}</title>
${shapeOf(packet, x, y)}${when(
  named,
  () =>
    html`<text x="${atEnd ? x - 9 : x + 9}" y="${y - 7}" text-anchor="${atEnd ? 'end' : 'start'}">${`${markName(packet)} ${packet.frame}`}</text>`,
)}</g>`);
  }
  return { markup: html`${drawn}`, shown, off };
}

function markName(packet: Seen): string {
  if (hasFlags(packet, RST)) return 'RST';
  if (hasFlags(packet, SYN)) return 'SYN';
  return hasFlags(packet, FIN) ? 'FIN' : wordOf(packet);
}

function wordOf(packet: Seen): string {
  return packet.payloadOctets > 0 ? 'data' : 'ACK';
}

/** A cross, a diamond, a triangle, a ring: told apart without colour. */
function shapeOf(packet: Seen, x: number, y: number): Markup {
  if (hasFlags(packet, RST)) {
    return html`<path class="mark" d="${`M${x - 6} ${y - 6}l12 12m0 -12l-12 12`}"/>`;
  }
  if (hasFlags(packet, SYN)) {
    return html`<path class="tick" d="${`M${x} ${y - 6}l6 6l-6 6l-6 -6z`}"/>`;
  }
  if (hasFlags(packet, FIN)) {
    return html`<path class="tick" d="${`M${x - 6} ${y - 5}h12l-6 10z`}"/>`;
  }
  return html`<circle class="tick" cx="${x}" cy="${y}" r="5"/>`;
}
