/**
 * The house rules that neither the compiler nor the linter can keep: shape and words of the source,
 * direction of imports, and documentation that is equal to the source it describes.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DOC_TABLES, PATHOLOGY, tableIn, updateTable } from './tidy/doc-tables.ts';
import {
  importsOf,
  linesMatching,
  projectFiles,
  ROOT,
  readProjectFile,
} from './tidy/source-files.ts';

const COLUMNS_MAX = 100;
// The one file that grows past reading is always the state machine: this is where it is split.
const FILE_LINES_MAX = 350;

const CODE = projectFiles(/^(src|test|bench)\/.*\.(ts|mjs)$/);
const SOURCE = projectFiles(/^src\/.*\.ts$/);
const ENGINE = projectFiles(/^src\/engine\/.*\.ts$/);
const DOCUMENTS = projectFiles(/^[^/]+\.md$/);
const TEXT = projectFiles(/\.(ts|mjs|md|json|toml|sh|service)$|^\.ci\/|^\.npmrc$|^systemd\//);

/** Files in normalize/ that serve the pathologies and are none. */
const NORMALIZE_HELPERS = [
  'bypass.ts',
  'forwarded.ts',
  'candidates.ts',
  'check-pace.ts',
  'exact.ts',
  'handover.ts',
  'held.ts',
  'idle-limit.ts',
  'idle-watch.ts',
  'kernel.ts',
  'looks.ts',
  'numbers.ts',
  'order.ts',
  'resynced.ts',
  'shift.ts',
  'sack-blocks.ts',
  'settle.ts',
  'sights.ts',
  'silence.ts',
  'support.ts',
  'unseen.ts',
];

describe('source', () => {
  it('is there', () => {
    expect(ENGINE.length).toBeGreaterThan(20);
    expect(DOCUMENTS).toContain('README.md');
  });

  it('has no comment that is wider than 100 characters', () => {
    // Biome wraps the code; a literal that it cannot wrap is easier to search for in one piece.
    const comment = `^(?=\\s*(//|/?\\*)).{${COLUMNS_MAX + 1},}$`;
    const wide = linesMatching(CODE, new RegExp(comment, 'u'));
    // The one line that a program reads cannot be wrapped either.
    expect(wide.filter((line) => !line.includes(':1: // @pathology '))).toEqual([]);
  });

  it('has no file that is too long to read in one sitting', () => {
    const tooLong = SOURCE.filter(
      (path) => readProjectFile(path).split('\n').length > FILE_LINES_MAX,
    );
    expect(tooLong).toEqual([]);
  });

  it('says at the head of each file what it owns', () => {
    const head = /^(#!.*\n)?(\/\/ @pathology .*\n)?(\/\*\*\s|\/\/ )/;
    expect(SOURCE.filter((path) => !head.test(readProjectFile(path)))).toEqual([]);
  });

  it('names files in kebab-case after the one thing they own', () => {
    const odd = CODE.filter((path) => !/^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(basename(path)));
    const grabBags = CODE.filter((path) =>
      /^(utils?|helpers?|common|misc|index)\./.test(basename(path)),
    );
    expect([...odd, ...grabBags]).toEqual([]);
  });

  it('leaves nothing unfinished', () => {
    // Put together here, so that this file does not find itself.
    const words = ['TODO', 'FIXME', 'XXX', 'HACK'].map((word) => `\\b${word}\\b`).join('|');
    const tests = '\\b(it|test|describe)\\.(only|skip|todo)\\(';
    const rule = 'leaves nothing unfinished';
    const found = linesMatching(CODE, new RegExp(`${words}|${tests}`));
    expect(found.filter((line) => !line.includes("['TODO'") && !line.includes(rule))).toEqual([]);
  });

  it('names no machine that it was written on', () => {
    const pattern = /(^|[\s'"`(=:])\/(work|root|home)\/[a-z.]/;
    const mirror = /registry\.npmjs\.|deb\.debian\.|"resolved": "http/;
    const own = /test\/tidy\.test\.ts:\d+: const (pattern|mirror)/;
    for (const one of [pattern, mirror]) {
      expect(linesMatching(TEXT, one).filter((line) => !own.test(line))).toEqual([]);
    }
  });

  it('draws no unseeded random numbers in tests', () => {
    const tests = projectFiles(/^(test|bench)\/.*\.ts$/);
    const rule = 'const unseeded';
    const unseeded = /Math\.random\(\)/;
    expect(linesMatching(tests, unseeded).filter((line) => !line.includes(rule))).toEqual([]);
  });
});

describe('imports', () => {
  it('of the engine stay inside the engine', () => {
    const foreign = ENGINE.flatMap((path) =>
      importsOf(path)
        .filter((target) => !target.startsWith('src/engine/'))
        .map((target) => `${path} imports ${target}`),
    );
    expect(foreign).toEqual([]);
  });

  it('go wire, flow, normalize and never back', () => {
    const leaves = /^src\/engine\/(assert|limits|verdict|codes)\.ts$/;
    const allowed: Record<string, RegExp> = {
      wire: /^src\/engine\/wire\//,
      // core.ts is the context that every stage works in, memory.ts its layout.
      flow: /^src\/engine\/((wire|flow)\/|(core|memory)\.ts$)/,
    };
    const backward = ENGINE.flatMap((path) => {
      const stage = allowed[basename(dirname(path))];
      if (stage === undefined) return [];
      return importsOf(path)
        .filter((target) => !stage.test(target) && !leaves.test(target))
        .map((target) => `${path} imports ${target}`);
    });
    expect(backward).toEqual([]);
  });

  it('reach native modules only from the files that own them', () => {
    const owners = ['src/datapath/nfqueue/libc.ts', 'src/datapath/nfqueue/inject-raw-socket.ts'];
    const static_ = /^import (?!type ).*from '(koffi|raw-socket)'/;
    const users = linesMatching(SOURCE, static_).map((line) => line.split(':')[0]);
    expect(users.filter((path) => !owners.includes(path ?? ''))).toEqual([]);
  });

  it('load prom-client when somebody asks for metrics, and not before', () => {
    const owner = 'src/telemetry/prometheus.ts';
    const static_ = /^import (?!type ).*from '(prom-client|.*\/prometheus\.ts)'/;
    const users = linesMatching(SOURCE, static_).map((line) => line.split(':')[0]);
    expect(users).toEqual([owner]);
  });
});

describe('pathologies', () => {
  const files = projectFiles(/^src\/engine\/normalize\/.*\.ts$/);
  const pathologies = files.filter((path) => !NORMALIZE_HELPERS.includes(basename(path)));

  it('stand in the first line of their file', () => {
    const without = pathologies.filter(
      (path) => !PATHOLOGY.test(readProjectFile(path).split('\n')[0] ?? ''),
    );
    expect(without).toEqual([]);
  });

  it('are called by name from normalize/order.ts or by the engine’s timers', () => {
    const callers = ['src/engine/normalize/order.ts', 'src/engine/engine.ts'].flatMap(importsOf);
    expect(pathologies.filter((path) => !callers.includes(path))).toEqual([]);
  });
});

describe('documentation', () => {
  for (const [document, name, make] of DOC_TABLES) {
    it(`${document} has the ${name} of the source (UPDATE_DOCS=1 writes them)`, () => {
      if (process.env['UPDATE_DOCS'] === '1') updateTable(document, name, make());
      expect(tableIn(document, name)).toBe(make());
    });
  }

  it('links only to files that exist', () => {
    const broken = DOCUMENTS.flatMap((path) =>
      [...readProjectFile(path).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !existsSync(join(ROOT, dirname(path), target)))
        .map((target) => `${path} links to ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('names only files that exist', () => {
    const broken = DOCUMENTS.flatMap((path) =>
      [...readProjectFile(path).matchAll(/`((?:src|test|bench|systemd)\/[^`\s*{<]+)`/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !existsSync(join(ROOT, target)))
        .map((target) => `${path} names ${target}`),
    );
    expect(broken).toEqual([]);
  });
});
