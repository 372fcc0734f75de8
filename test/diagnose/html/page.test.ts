/** The page: everything is in it, nothing in it runs, loads, or depends on seeing colours. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { COLOURS } from '../../../src/diagnose/html/style.ts';
import { HANDSHAKE, JUMPBOX, line, SERVER_SIDE } from '../trace.ts';
import { longTrace, pageFrom } from './pages.ts';

describe('the page of the jumpbox trace', () => {
  it('says the verdict in one sentence at its head', async () => {
    const { page, report } = await pageFrom(JUMPBOX);
    const [, heading = ''] = /<h1>(.*?)<\/h1>/.exec(page) ?? [];
    expect(heading).toContain('Two TCP end points answered one SYN');
    expect(heading).toMatch(/\.$/);
    expect(report.findings.length).toBeGreaterThan(2);
  });

  it('has ladder, plot, findings, suspects, commands and origin', async () => {
    const { page, report } = await pageFrom(JUMPBOX);
    for (const { code, summary } of report.findings) {
      expect(page).toContain(`<code>${code}</code> ${summary}`);
    }
    for (const { id } of report.hypotheses) expect(page).toContain(`<code>${id}</code>`);
    expect(page).toContain('>SYN ACK seq 4195986320 ack 3882361679<');
    expect(page).toContain('>RST seq 405921082<');
    expect(page).toContain('middlebox?');
    expect(page).toContain('data from server to client</title>');
    expect(page).toContain('What to ask the firewall');
    expect(page).toContain('tcpdump -i eth0 -e -n -vvv -S');
    expect(page).toContain('2026-01-02T03:04:05.000Z');
    expect(page).toContain(`SHA-256 ${'ab'.repeat(32)}`);
  });

  it('writes each serious finding under a packet of the ladder', async () => {
    const { page, report } = await pageFrom(JUMPBOX);
    for (const { severity, code } of report.findings) {
      if (severity === 'note') continue;
      expect(page).toContain(`>${severity.toUpperCase()} ${code}: `);
    }
  });

  it('lists each command on a line of its own, to be copied', async () => {
    const { page } = await pageFrom(JUMPBOX);
    const [, commands = ''] = /<pre[^>]*>(.*?)<\/pre>/s.exec(page) ?? [];
    const lines = commands.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(1);
    expect(new Set(lines).size).toBe(lines.length);
    expect(lines[0]).toBe('tcpdump -i eth0 -e -n -vvv -S &#39;host server and tcp port 22&#39;');
  });

  it('gives each advice once', async () => {
    const { page } = await pageFrom(JUMPBOX);
    expect(page.split('changes nothing and shows what it would do').length - 1).toBeLessThan(3);
    expect(page).toContain('<dd>As above.</dd>');
    expect(page).toContain('<code>seqshim run --target server --mode observe --for 10m</code>');
  });

  it('is the same for the same input', async () => {
    expect((await pageFrom(JUMPBOX)).page).toBe((await pageFrom(JUMPBOX)).page);
  });
});

describe('policy', () => {
  it('lets in its own style sheet, by its hash, and nothing else', async () => {
    const { page } = await pageFrom(JUMPBOX);
    const [, style = ''] = /<style>(.*?)<\/style>/s.exec(page) ?? [];
    const sum = createHash('sha256').update(style).digest('base64');
    const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
    expect(policy).toBe(
      `default-src 'none'; style-src 'sha256-${sum}'; base-uri 'none'; form-action 'none'`,
    );
  });

  it('needs no script, no style attribute, no address of anything', async () => {
    const { page } = await pageFrom(SERVER_SIDE);
    expect(page).not.toMatch(/<(script|img|link|iframe|object|embed|form|base|a)\b/i);
    expect(page).not.toMatch(/\s(style|src|href|on\w+)="/i);
    expect(page).not.toMatch(/url\(|@import|https?:/);
  });
});

describe('hostile text', () => {
  const NAMES = ['<script>alert(1)</script>', '"><img/src=x/onerror=alert(1)>', ']]>', '\u202e'];

  it.each(NAMES)('%j stays text as a name of a file and of a host', async (hostile) => {
    const trace = JUMPBOX.replaceAll('jumbox.', `a${hostile}b.`);
    const name = `${hostile}.txt`;
    for (const given of [trace, JUMPBOX]) {
      const made = await pageFrom(given, { name }).catch((error: Error) => error);
      // A text whose addresses cannot be read is refused in one line.
      if (made instanceof Error) continue;
      expect(made.page).not.toContain(hostile);
      expect(made.page).not.toMatch(/<(script|img)\b/i);
    }
    expect((await pageFrom(JUMPBOX, { name })).page).not.toContain(hostile);
  });
});

describe('without faults', () => {
  it('says so, and draws nothing', async () => {
    const healthy = [
      ...HANDSHAKE,
      line(20, 's', '[P.], seq 1:22, ack 1, win 509, length 21'),
      line(20.1, 'c', '[.], ack 22, win 502, length 0'),
    ].join('\n');
    const { page } = await pageFrom(healthy);
    expect(page).toContain('<h1>Nothing wrong found.</h1>');
    expect(page).not.toContain('<svg');
  });

  it('claims no health where nothing was seen from its beginning', async () => {
    const { page } = await pageFrom(line(1, 'c', '[P.], seq 9:19, ack 900, win 5, length 10'));
    expect(page).toContain('<h1>Not enough in the input to judge.</h1>');
  });
});

describe('for everybody', () => {
  it('describes each drawing in words, under ids that are there once', async () => {
    const { page } = await pageFrom(longTrace(200));
    const drawings = [...page.matchAll(/<svg [^>]*aria-labelledby="(\S+) (\S+)"/g)];
    expect(drawings.length).toBeGreaterThanOrEqual(2);
    for (const [, title, description] of drawings) {
      expect(page).toContain(`<title id="${title}">`);
      expect(page).toContain(`<desc id="${description}">`);
    }
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('can be scrolled without a mouse', async () => {
    const { page } = await pageFrom(JUMPBOX);
    const boxes = [...page.matchAll(/<div class="box"([^>]*)>/g)].map(([, rest = '']) => rest);
    expect(boxes.length).toBeGreaterThan(1);
    for (const box of boxes) expect(box).toMatch(/tabindex="0" role="region" aria-label="[^"]+"/);
  });

  it('has a contrast of 4.5 or more in light and in dark', () => {
    const low = [1, 2].flatMap((column) => {
      const colour = (name: string) =>
        String(COLOURS.find(([known]) => known === name)?.[column] ?? '');
      return COLOURS.filter(([name]) => !['paper', 'shade', 'rule'].includes(name)).flatMap(
        ([name]) =>
          ['paper', 'shade']
            .map((ground) => [name, ground, contrast(colour(name), colour(ground))] as const)
            .filter(([, , ratio]) => ratio < 4.5),
      );
    });
    expect(low).toEqual([]);
  });
});

/** WCAG 2.2, relative luminance. */
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
