/**
 * How the page looks: one column, system fonts, light, dark and on paper. Nothing is said by colour
 * alone. Owns the style sheet, which is all that the page's policy lets in, by its hash; a test
 * measures the contrasts.
 */
import { createHash } from 'node:crypto';

/** `name light dark`: text and marks are read on `paper` and on `shade`. */
export const COLOURS: readonly (readonly [name: string, light: string, dark: string])[] = [
  ['paper', '#ffffff', '#15181b'],
  ['shade', '#f4f5f6', '#1e2226'],
  ['ink', '#1a1d21', '#e8eaec'],
  ['quiet', '#555c64', '#a9b1b9'],
  ['rule', '#c9ced3', '#434a51'],
  ['error', '#a3121f', '#ff9a94'],
  ['warning', '#75480a', '#e9b872'],
  ['note', '#2a5580', '#9cc7f0'],
  ['data', '#1d4f91', '#8fbcf5'],
  ['ack', '#3d6b2e', '#9bd08a'],
  ['edge', '#6b4b8a', '#c9a9ea'],
  ['sack', '#0c6666', '#74cfcf'],
];

function palette(column: 1 | 2): string {
  return COLOURS.map((colour) => `--${colour[0]}:${colour[column]}`).join(';');
}

export const STYLE = `
:root{color-scheme:light dark;${palette(1)}}
@media (prefers-color-scheme:dark){:root{${palette(2)}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:60rem;padding:1.5rem 1rem 4rem;background:var(--paper);color:var(--ink);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.3;margin:.25rem 0 .5rem;font-weight:650}
h2{font-size:1.2rem;margin:2.5rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--rule)}
h3{font-size:1.05rem;margin:1.75rem 0 .5rem}
h4{font-size:1rem;margin:1.25rem 0 .25rem}
p,ul,ol,dl{margin:.5rem 0}
p,li,dd{max-width:46rem}
.eyebrow,.quiet,figcaption,caption{color:var(--quiet);font-size:.875rem}
.eyebrow{margin:0}
a{color:var(--note)}
code,pre,.mono,svg text{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}
code,pre,.mono{font-size:.875rem}
pre{background:var(--shade);border:1px solid var(--rule);padding:.75rem;margin:.5rem 0;
white-space:pre-wrap}
.box{overflow-x:auto;border:1px solid var(--rule);background:var(--paper)}
.box:focus-visible,summary:focus-visible,a:focus-visible,pre:focus-visible{
outline:3px solid var(--note);outline-offset:2px}
figure{margin:1rem 0}
figcaption{margin:.25rem 0}
svg{display:block;width:100%;min-width:44rem;height:auto}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
caption{text-align:left;padding:.25rem .5rem}
th,td{text-align:left;vertical-align:top;padding:.375rem .5rem;border-bottom:1px solid var(--rule)}
thead th{font-weight:600;color:var(--quiet);font-size:.875rem}
.stack th,.stack .word{white-space:nowrap}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.facts th{width:11rem;font-weight:500;color:var(--quiet)}
summary{cursor:pointer;padding:.375rem 0;color:var(--note)}
dt{font-weight:600;margin-top:.5rem}
dd{margin:0 0 .25rem}
.finding{border-left:4px solid var(--rule);padding:.125rem 0 .125rem 1rem;margin:1rem 0}
.finding.error{border-left:8px double var(--error)}
.finding.warning{border-left-color:var(--warning)}
.word{font-weight:650}
.word.error{color:var(--error)}
.word.warning{color:var(--warning)}
.word.note{color:var(--note)}
svg text{font-size:12px;fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:3px}
svg .q{fill:var(--quiet)}
svg .w{font-weight:600}
svg .t-error{fill:var(--error);font-weight:600}
svg .t-warning{fill:var(--warning);font-weight:600}
svg .t-note{fill:var(--note)}
svg .life{stroke:var(--quiet);stroke-width:1.5}
svg .dashed{stroke:var(--quiet);stroke-width:1.5;stroke-dasharray:3 5}
svg .grid{stroke:var(--rule);stroke-width:1}
svg .msg{stroke:var(--ink);stroke-width:1.25;fill:none}
svg .head{fill:var(--ink)}
svg .strong{stroke-width:2.5}
svg .rst{stroke-dasharray:7 4}
svg .data{stroke:var(--data);stroke-width:2;fill:none}
svg .ack{stroke:var(--ack);stroke-width:1.25;fill:none}
svg .edge{stroke:var(--edge);stroke-width:1.25;stroke-dasharray:6 3;fill:none}
svg .sack{stroke:var(--sack);stroke-width:4;stroke-dasharray:2 2;fill:none}
svg .again{stroke:var(--warning);stroke-width:3;fill:none}
svg .mark{stroke:var(--error);stroke-width:2;fill:none}
svg .tick{stroke:var(--ink);stroke-width:1.5;fill:var(--paper)}
@media (max-width:40rem){
body{padding:1rem .75rem 3rem}
h1{font-size:1.25rem}
.stack thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.stack,.stack tbody,.stack tr,.stack td,.stack th{display:block;width:auto}
.stack td,.stack th{border:0;padding:.125rem 0;white-space:normal}
.stack tr{border-bottom:1px solid var(--rule);padding:.5rem 0}
}
@media print{
:root{color-scheme:light;${palette(1)}}
body{max-width:none;padding:0;font-size:10pt}
.box{overflow:visible;border:0}
svg{min-width:0}
figure,.finding,tr,pre,dt{break-inside:avoid}
figure.tall{break-inside:auto}
h2,h3,h4,dt,caption,figcaption{break-after:avoid}
.flow{break-before:page}
.flow:first-of-type{break-before:auto}
}
`;

/** A dark reader's page is printed light all the same: the print rules stand last. */
export function stylePolicy(): string {
  return `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;
}
