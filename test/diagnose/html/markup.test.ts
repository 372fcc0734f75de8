/** Escaping: whatever a stranger writes stays text, and what cannot be seen is shown. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeText, html, joinMarkup } from '../../../src/diagnose/html/markup.ts';
import { SEED, SEED_HINT } from '../../helpers/seed.ts';

describe('html', () => {
  it('escapes what is put in, and leaves markup alone', () => {
    const inner = html`<b>${'<script>'}</b>`;
    expect(html`<p title="${'" onclick="x'}">${inner}${[inner, inner]}${7}</p>`.text).toBe(
      '<p title="&quot; onclick=&quot;x"><b>&lt;script&gt;</b>' +
        '<b>&lt;script&gt;</b><b>&lt;script&gt;</b>7</p>',
    );
  });

  it('joins with text, not with markup', () => {
    expect(joinMarkup([html`a`, html`b`], '<br>').text).toBe('a&lt;br&gt;b');
  });
});

describe('escapeText()', () => {
  it.each([
    ['a direction override', '\u202efdp.exe', '⟨U+202E⟩fdp.exe'],
    ['a zero-width space', 'a\u200bb', 'a⟨U+200B⟩b'],
    ['an escape sequence', '\u001b[31m', '⟨U+001B⟩[31m'],
    ['NUL', '\u0000', '⟨U+0000⟩'],
    ['half of a surrogate pair', '\ud800x', '⟨U+D800⟩x'],
    ['a tag character', '\u{e0041}', '⟨U+E0041⟩'],
    ['the end of CDATA', ']]>', ']]&gt;'],
    ['a line separator', '\u2028', '⟨U+2028⟩'],
  ])('shows %s', (_what, given, shown) => {
    expect(escapeText(given)).toBe(shown);
  });

  it(`lets nothing through that ends a text or an attribute (${SEED_HINT})`, () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const escaped = escapeText(text);
        expect(escaped).not.toMatch(/[<>"'\p{Cc}\p{Cf}\p{Cs}]/u);
        expect(escaped.replaceAll(/&(amp|lt|gt|quot|#39);/g, '')).not.toContain('&');
      }),
      { seed: SEED, numRuns: 200 },
    );
  });
});
