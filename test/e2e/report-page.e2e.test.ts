/**
 * The page of `diagnose --html` in a real browser: quiet console, no request, inert strings, a
 * phone without sideways scrolling, dark and paper. SEQSHIM_SCREENSHOTS keeps pictures of it.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI, ROOT } from '../cli/cli-run.ts';
import { longTrace } from '../diagnose/html/pages.ts';
import { Chromium, type Fields } from './chromium.ts';

const JUMPBOX = join(ROOT, 'test/fixtures/jumpbox-first-connection-reset.txt');
const PHONE_PX = 360;
const LOAD_MS_MAX = 5000;
const { SEQSHIM_SCREENSHOTS } = process.env;

let dir = '';
let chromium: Chromium;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'seqshim-report-page-'));
  chromium = await Chromium.start();
}, 120_000);

afterAll(async () => {
  await chromium?.stop();
  rmSync(dir, { recursive: true, force: true });
});

function pageOf(name: string, input: string): string {
  const out = join(dir, `${name}.html`);
  const done = spawnSync(process.execPath, [CLI, 'diagnose', input, '--html', out], {
    encoding: 'utf8',
  });
  expect([done.status, done.stderr]).toEqual([1, '']);
  return out;
}

function keep(name: string, bytes: Buffer): void {
  if (SEQSHIM_SCREENSHOTS === undefined) return;
  mkdirSync(SEQSHIM_SCREENSHOTS, { recursive: true });
  writeFileSync(join(SEQSHIM_SCREENSHOTS, name), bytes);
}

function complaints(events: readonly Fields[]): string[] {
  const loud = ['Log.entryAdded', 'Runtime.consoleAPICalled', 'Runtime.exceptionThrown'];
  return events
    .filter(({ method }) => [...loud, 'Audits.issueAdded'].includes(String(method)))
    .map((event) => JSON.stringify(event));
}

function requests(events: readonly Fields[]): string[] {
  return events
    .filter(({ method }) => method === 'Network.requestWillBeSent')
    .map(({ params }) => String(((params as Fields)['request'] as Fields)['url']));
}

describe('in Chromium', () => {
  it('a page that breaks the rules is noticed', async () => {
    const bad = join(dir, 'bad.html');
    const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'">`;
    writeFileSync(bad, `${policy}<script>alert(1)</script><img src="http://192.0.2.1/x.png">`);
    await chromium.open(pathToFileURL(bad).href);
    expect(complaints(chromium.events).join()).toContain('Content Security Policy');
  });

  it('says nothing, asks for nothing, and has its style', async () => {
    const page = pathToFileURL(pageOf('jumpbox', JUMPBOX)).href;
    await chromium.show(1100, 900);
    await chromium.open(page);
    expect(complaints(chromium.events)).toEqual([]);
    expect(requests(chromium.events)).toEqual([page]);
    expect(await chromium.evaluate('getComputedStyle(document.body).maxWidth')).toBe('960px');
    expect(await chromium.evaluate('document.querySelectorAll("svg").length')).toBe(2);
    keep('jumpbox-light.png', await chromium.screenshot(true));
  });

  it('leaves hostile strings as they are', async () => {
    const trap = '<img src=x onerror=document.title=1><script>document.title=2</script>]]>\u202e';
    const input = join(dir, `${trap.replaceAll('/', '_')}.txt`);
    writeFileSync(input, readFileSync(JUMPBOX));
    await chromium.open(pathToFileURL(pageOf('hostile', input)).href);
    expect(complaints(chromium.events)).toEqual([]);
    const counts = 'document.querySelectorAll("img,script,iframe,object").length';
    expect(await chromium.evaluate(counts)).toBe(0);
    expect(await chromium.evaluate('document.title')).toMatch(/^seqshim: /);
    expect(await chromium.evaluate('document.querySelector("h2").textContent')).toContain('<img');
    expect(await chromium.evaluate('document.body.textContent')).not.toContain('\u202e');
  });

  it('fits a phone: only boxes scroll sideways', async () => {
    await chromium.show(PHONE_PX, 740);
    await chromium.open(pathToFileURL(pageOf('jumpbox', JUMPBOX)).href);
    expect(await chromium.evaluate('document.documentElement.scrollWidth')).toBe(PHONE_PX);
    const wide = `[...document.querySelectorAll('body *')].filter((one) => !one.closest('.box') &&
      one.getBoundingClientRect().right > ${PHONE_PX}).map((one) => one.outerHTML.slice(0, 80))`;
    expect(await chromium.evaluate(wide)).toEqual([]);
    const inside = 'document.querySelector(".box").scrollWidth';
    expect(await chromium.evaluate(inside)).toBeGreaterThan(PHONE_PX);
    keep('jumpbox-phone.png', await chromium.screenshot(true));
  });

  it('is dark where the reader is, and light on paper all the same', async () => {
    const page = pathToFileURL(pageOf('jumpbox', JUMPBOX)).href;
    const ground = 'getComputedStyle(document.body).backgroundColor';
    await chromium.show(1100, 900, { 'prefers-color-scheme': 'dark' });
    await chromium.open(page);
    expect(await chromium.evaluate(ground)).toBe('rgb(21, 24, 27)');
    keep('jumpbox-dark.png', await chromium.screenshot(true));
    await chromium.show(1100, 900, { 'prefers-color-scheme': 'dark', type: 'print' });
    expect(await chromium.evaluate(ground)).toBe('rgb(255, 255, 255)');
    const box = 'getComputedStyle(document.querySelector(".box")).overflowX';
    expect(await chromium.evaluate(box)).toBe('visible');
    const pdf = await chromium.pdf();
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    keep('jumpbox.pdf', pdf);
  });

  it('is walked through with the Tab key', async () => {
    await chromium.show(1100, 900);
    await chromium.open(pathToFileURL(pageOf('jumpbox', JUMPBOX)).href);
    const seen: unknown[] = [];
    for (let stop = 0; stop < 3; stop++) {
      for (const type of ['keyDown', 'keyUp']) {
        const key = { type, key: 'Tab', code: 'Tab', windowsVirtualKeyCode: 9 };
        await chromium.ask('Input.dispatchKeyEvent', key);
      }
      const focused = 'document.activeElement.ariaLabel || document.activeElement.tagName';
      seen.push(await chromium.evaluate(focused));
    }
    expect(seen).toEqual(['Ladder of the packets', 'SUMMARY', 'Plot, data from server to client']);
  });

  it('shows a connection of 10,000 packets at once', async () => {
    const input = join(dir, 'long.txt');
    writeFileSync(input, longTrace(10_000));
    const page = pathToFileURL(pageOf('long', input)).href;
    await chromium.show(1100, 900);
    const beganMs = performance.now();
    await chromium.open(page);
    await chromium.screenshot(false);
    expect(performance.now() - beganMs).toBeLessThan(LOAD_MS_MAX);
    expect(complaints(chromium.events)).toEqual([]);
    keep('long-light.png', await chromium.screenshot(true));
  });
});
