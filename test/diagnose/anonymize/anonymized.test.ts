/** `--anonymize`: no real name is left in any form of the report, and the story is the same. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Anonymizer } from '../../../src/diagnose/anonymize/anonymizer.ts';
import type { Wishes } from '../../../src/diagnose/diagnose.ts';
import { printReport } from '../../../src/diagnose/print-report.ts';
import { reportJson } from '../../../src/diagnose/report.ts';
import {
  CAPTURES_DIR,
  CAPTURES_NOTE,
  CAPTURES_PRESENT,
  captureNames,
} from '../../helpers/public-captures.ts';
import { SEED, SEED_HINT } from '../../helpers/seed.ts';
import { pageFrom } from '../html/pages.ts';
import { JUMPBOX, SERVER_SIDE } from '../trace.ts';

const KEY = Uint8Array.from({ length: 32 }, (_none, index) => index * 7);

function wishesFor(names: Anonymizer): Wishes {
  return {
    disguise: (packet) => names.packet(packet),
    interfaceName: (name) => names.interfaceName(name),
    inputName: 'input 1',
  };
}

/** Everything that leaves: text, JSON and page, in one string. */
async function outputsOf(input: string | Uint8Array, names: Anonymizer, name = 'secret.txt') {
  const { page, report } = await pageFrom(input, { name, wishes: wishesFor(names) });
  const all = [printReport(report), JSON.stringify(reportJson([report])), page].join('\n');
  return { all, report };
}

/** As a whole word: `10.0.0.1` is not in `10.0.0.12`. */
function holds(text: string, name: string): boolean {
  const exact = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?<![0-9A-Za-z.:])${exact}(?![0-9A-Za-z]|\\.[0-9])`, 'i').test(text);
}

/** The other ways in which an address is written. */
function formsOf(address: string): string[] {
  const octets = address.split('.').map(Number);
  if (octets.length !== 4) return [address];
  const hex = octets.map((octet) => octet.toString(16).padStart(2, '0'));
  const number = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  return [address, hex.join(''), hex.join(':'), `0x${hex.join('')}`, String(number)];
}

describe('anonymized', () => {
  it('the report tells the same story about other names', async () => {
    const plain = await pageFrom(JUMPBOX);
    const { all, report } = await outputsOf(JUMPBOX, new Anonymizer(KEY));
    expect(report.findings.map(({ code, frames }) => [code, frames])).toEqual(
      plain.report.findings.map(({ code, frames }) => [code, frames]),
    );
    expect(report.hypotheses.map(({ id, verdict }) => [id, verdict])).toEqual(
      plain.report.hypotheses.map(({ id, verdict }) => [id, verdict]),
    );
    expect(printReport(plain.report)).toContain('jumbox');
    expect(all).not.toMatch(/jumbox/i);
    expect(all).toMatch(/host host-[0-9a-f]{12} and tcp port 22/);
  });

  it('the page names neither the file, nor the command, nor this machine', async () => {
    const { all } = await outputsOf(SERVER_SIDE, new Anonymizer(KEY), 'acme-corp-ticket.txt');
    expect(all).not.toContain('acme-corp');
    expect(all).toContain('HMAC-SHA-256 with the local key');
    expect(all).toMatch(/command<\/th><td>left out/);
  });

  it(`no address of a trace is left anywhere (${SEED_HINT})`, async () => {
    const pair = fc
      .tuple(fc.ipV4(), fc.ipV4(), fc.uint8Array({ minLength: 32, maxLength: 32 }))
      .filter(([a, b]) => a !== b);
    await fc.assert(
      fc.asyncProperty(pair, async ([client, server, key]) => {
        const names = new Anonymizer(key);
        const text = JUMPBOX.replaceAll('jumbox.', `${client}.`).replaceAll(
          'server.',
          `${server}.`,
        );
        const { all } = await outputsOf(text, names);
        const made = [client, server].map((one) => names.host(one));
        // One address may become what another one was.
        for (const form of [client, server].filter((one) => !made.includes(one)).flatMap(formsOf)) {
          expect(holds(all, form), form).toBe(false);
        }
        for (const name of made) expect(all).toContain(name);
      }),
      { seed: SEED, numRuns: 40 },
    );
  });

  it('the search finds an address that is there', async () => {
    const text = JUMPBOX.replaceAll('jumbox.', '203.0.113.7.');
    const { page } = await pageFrom(text);
    expect(holds(page, '203.0.113.7')).toBe(true);
  });
});

describe.skipIf(!CAPTURES_PRESENT)(CAPTURES_NOTE, () => {
  it('none of their addresses, IPv4, IPv6 or MAC, is left', async () => {
    const names = new Anonymizer(KEY);
    for (const file of captureNames()) {
      const bytes = readFileSync(join(CAPTURES_DIR, file));
      const real = new Set<string>();
      const watching: Wishes = {
        ...wishesFor(names),
        disguise: (packet) => {
          for (const name of [packet.src, packet.dst, packet.srcMac]) real.add(name);
          return names.packet(packet);
        },
      };
      const made = await pageFrom(bytes, { wishes: watching }).catch(() => undefined);
      if (made === undefined) continue;
      const all = [printReport(made.report), JSON.stringify(reportJson([made.report])), made.page];
      const kept = new Set([...real].map((name) => (name.includes('-') ? name : names.host(name))));
      for (const name of real) {
        if (name === '' || kept.has(name) || name === '::1') continue;
        for (const form of formsOf(name)) expect(holds(all.join('\n'), form), file).toBe(false);
      }
    }
  });
});
