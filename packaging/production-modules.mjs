/**
 * The npm modules that the program needs at run time, copied from node_modules: what package.json
 * lists as dependencies, and theirs. Owns what is left behind: types, tests, documentation, other
 * platforms' binaries, and raw-socket, which would have to be compiled (koffi injects as well).
 */
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

const NEEDLESS =
  /^(test|tests|doc|docs|examples?|benchmarks?|vendor|musl_\w+|\..+)$|\.(md|map|flow|markdown|[cm]?ts|html|ico|gyp|sh|cc?|cpp|hh?|inc|S|asm|tsbuildinfo|min\.[cm]?js)$/;
const LICENCE = /^(licen[cs]e|notice|copying)/i;

/** Copies into `target`/node_modules; returns what, as `name version`. */
export function copyModules(root, target) {
  const found = new Map();
  const { dependencies } = readJson(join(root, 'package.json'));
  for (const name of Object.keys(dependencies)) collect(root, root, name, found, true);
  for (const dir of found.keys()) {
    cpSync(dir, join(target, relative(root, dir)), {
      recursive: true,
      dereference: true,
      filter: (path) => path === dir || isNeeded(path),
    });
  }
  return [...found.values()].sort();
}

function isNeeded(path) {
  const name = basename(path);
  // Modules inside a module are collected by themselves.
  return name !== 'node_modules' && (LICENCE.test(name) || !NEEDLESS.test(name));
}

/** Node's own way: the nearest node_modules upwards. */
function collect(root, from, name, found, required) {
  for (let dir = from; ; dir = dirname(dir)) {
    const candidate = join(dir, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) {
      add(root, candidate, found);
      return;
    }
    if (dir === root || dir === dirname(dir)) break;
  }
  // Binaries for other platforms are not installed.
  if (required) throw new Error(`Cannot build: module ${name} is not installed, run npm ci`);
}

function add(root, dir, found) {
  if (found.has(dir)) return;
  const {
    name,
    version,
    dependencies = {},
    optionalDependencies = {},
  } = readJson(join(dir, 'package.json'));
  found.set(dir, `${name} ${version}`);
  for (const dependency of Object.keys(dependencies)) collect(root, dir, dependency, found, true);
  for (const dependency of Object.keys(optionalDependencies)) {
    collect(root, dir, dependency, found, false);
  }
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
