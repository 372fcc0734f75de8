/**
 * Where a page comes from: machine, program, command line, what the inputs were, byte for byte.
 * Owns the facts and their hashes. Anonymized, what names a machine or a person is left out, and
 * the hashes are keyed: who knows all but the addresses could find these by trying otherwise.
 */
import { createHash, createHmac } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { arch, hostname, release, type } from 'node:os';
import { VERSION } from '../../version.ts';
import type { InputSummary } from '../report.ts';
import { html, type Markup, when } from './markup.ts';

export interface InputSource {
  readonly summary: InputSummary;
  /** In hex; empty where it could be read only once. */
  readonly sha256: string;
}

export interface Provenance {
  readonly writtenMs: number;
  readonly commandLine: string;
  readonly inputs: readonly InputSource[];
  readonly isAnonymized: boolean;
}

/** Empty for what is no file: it has been read, and is gone. */
export async function hashInput(name: string, key: Uint8Array | undefined): Promise<string> {
  if (name === '-') return '';
  const hash = key === undefined ? createHash('sha256') : createHmac('sha256', key);
  try {
    if (!(await stat(name)).isFile()) return '';
    for await (const chunk of createReadStream(name)) hash.update(chunk);
  } catch {
    return '';
  }
  return hash.digest('hex');
}

export function provenanceSection(about: Provenance): Markup {
  const { writtenMs, commandLine, inputs, isAnonymized } = about;
  const hashName = isAnonymized ? 'HMAC-SHA-256 with the local key' : 'SHA-256';
  return html`<section aria-labelledby="provenance"><h2 id="provenance">Where this comes from</h2>
<table class="facts stack"><tbody>
${fact('written', new Date(writtenMs).toISOString())}
${fact('by', `seqshim ${VERSION}, Node ${process.version}`)}
${fact('on', isAnonymized ? `left out (${machine()})` : `${hostname()}, ${machine()}`)}
${fact('command', isAnonymized ? 'left out' : commandLine)}
${when(isAnonymized, () => fact('anonymized', ANONYMIZED))}
${inputs.map(({ summary, sha256 }) => {
  const { name, kind, packets, lines, tolerated } = summary;
  const counts = Object.entries(tolerated).map(([what, count]) => `${what} ${count}`);
  const unit = kind === 'tcpdump-text' ? 'lines' : 'frames';
  const hash = sha256 === '' ? 'not hashed: it could be read only once' : `${hashName} ${sha256}`;
  return fact(
    'input',
    `${name === '-' ? 'standard input' : name}: ${kind}, ${lines} ${unit}, ${packets} TCP packets; ` +
      `${hash}; read past: ${counts.length === 0 ? 'nothing' : counts.join(', ')}`,
  );
})}
</tbody></table></section>`;
}

const ANONYMIZED =
  'addresses keep their common prefixes and their special ranges (private, link-local, multicast), ' +
  'MAC addresses their first half; names are replaced. Ports, sequence numbers and times are real.';

function machine(): string {
  return `${type()} ${release()} ${arch()}`;
}

function fact(name: string, value: string): Markup {
  return html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`;
}
