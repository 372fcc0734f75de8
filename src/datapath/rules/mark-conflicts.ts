/**
 * Who else uses our mark bits: rules of iptables and nft, and policy routing. Reads, changes
 * nothing.
 *
 * A rule uses a bit when its mask covers it. One without a mask compares or sets the whole value:
 * it uses the bits of that value only, because packets that we mark never meet it with another.
 */
import { run } from './execute.ts';
import { CHAIN_PREFIX, NFT_TABLE, PROBE_PREFIX } from './rule-input.ts';

export interface MarkConflict {
  /** The command that shows the rule. */
  readonly source: string;
  readonly rule: string;
}

const WHOLE = 0xffffffff;
const RULE_CHARACTERS_MAX = 200;

/** Where rules stand, and how to read the bits that a line of it uses. */
const SOURCES = [
  { command: ['iptables-save'], bitsOf: bitsOfIptables },
  { command: ['ip6tables-save'], bitsOf: bitsOfIptables },
  { command: ['nft', 'list', 'ruleset'], bitsOf: bitsOfNft },
  { command: ['ip', 'rule', 'show'], bitsOf: bitsOfRouting },
  { command: ['ip', '-6', 'rule', 'show'], bitsOf: bitsOfRouting },
] as const;

/** Rules that use any of `bits`, ours left out. */
export function findMarkConflicts(bits: number, look = run): MarkConflict[] {
  const found: MarkConflict[] = [];
  for (const { command, bitsOf } of SOURCES) {
    const [file, ...args] = command;
    const { stdout } = look(file, args);
    const text = file === 'nft' ? withoutOurs(stdout) : stdout;
    for (const line of text.split('\n')) {
      if (isOurs(line) || (bitsOf(line) & bits) === 0) continue;
      found.push({ source: command.join(' '), rule: line.trim().slice(0, RULE_CHARACTERS_MAX) });
    }
  }
  return found;
}

/**
 * Rules that compare, set, save or restore the marks of connections whole, or with a mask that
 * covers `bit`: with our bit on a connection they would no longer do what they do without us.
 */
export function findConnmarkUsers(bit: number, look = run): MarkConflict[] {
  const found: MarkConflict[] = [];
  for (const { command } of SOURCES.slice(0, 3)) {
    const [file, ...args] = command;
    const { stdout } = look(file, args);
    const text = file === 'nft' ? withoutOurs(stdout) : stdout;
    for (const line of text.split('\n')) {
      if (isOurs(line) || !usesConnmark(line, bit)) continue;
      found.push({ source: command.join(' '), rule: line.trim().slice(0, RULE_CHARACTERS_MAX) });
    }
  }
  return found;
}

/** Masks as iptables-save prints them (none: the whole value); in nft only `ct mark & M == V`. */
export function usesConnmark(line: string, bit: number): boolean {
  if (line.startsWith('-A ')) {
    const tests = line.matchAll(/-m connmark (?:! )?--mark 0x[0-9a-f]+(?:\/(0x[0-9a-f]+))?/gi);
    const changes = line.matchAll(/-j CONNMARK .*(?:xmark 0x[0-9a-f]+\/|--ctmask )(0x[0-9a-f]+)/gi);
    return [...tests, ...changes].some(([, mask = '0xffffffff']) => (Number(mask) & bit) !== 0);
  }
  // What is left when everything is taken out that names its bits uses the whole value.
  let bits = 0;
  const rest = line
    .replace(
      /\bct mark set ct mark ((?: ?(?:&|\||\^|and|or|xor) (?:0x[0-9a-f]+|\d+))+)/gi,
      (_, ops) => {
        for (const [, op, value] of String(ops).matchAll(/(\S+) (0x[0-9a-f]+|\d+)/gi)) {
          bits |= op === '&' || op === 'and' ? ~Number(value) : Number(value);
        }
        return '';
      },
    )
    .replace(/\bct mark (?:&|and) (0x[0-9a-f]+|\d+) (?:==|!=)/gi, (_, mask) => {
      bits |= Number(mask);
      return '';
    });
  return (bits & bit) !== 0 || /\bct mark\b/.test(rest);
}

export function describeConflict({ source, rule }: MarkConflict, bits: number): string {
  const hex = `0x${bits.toString(16)}`;
  return `Cannot use mark bits ${hex}: "${source}" has "${rule}". Give that rule other bits`;
}

/** `--mark`, `--set-xmark`, `--tproxy-mark` and the like; masks as iptables-save prints them. */
export function bitsOfIptables(line: string): number {
  let bits = 0;
  const marks = /--(?:[a-z]+-)?x?mark (0x[0-9a-f]+|\d+)(?:\/(0x[0-9a-f]+|\d+))?/gi;
  for (const [, value, mask] of line.matchAll(marks)) bits |= used(value, mask);
  // save-mark and restore-mark between packet and connection.
  for (const [, mask] of line.matchAll(/--(?:nf|ct)mask (0x[0-9a-f]+)/gi)) bits |= used('0', mask);
  return bits;
}

/** `meta mark & M == V`, `ct mark set ct mark | V`, `mark set V`, sets of values. */
export function bitsOfNft(line: string): number {
  if (!/\b(meta|ct) mark\b/.test(line)) return 0;
  let bits = 0;
  const sets = /\b(?:meta|ct) mark set (?:(?:meta|ct) mark )?([^\n]*)/.exec(line);
  const [tests, changes] = sets === null ? [line, ''] : [line.slice(0, sets.index), sets[1] ?? ''];
  const masked = /mark (?:&|and) (0x[0-9a-f]+|\d+) (?:==|!=) (?:0x[0-9a-f]+|\d+)/gi;
  for (const [, mask] of tests.matchAll(masked)) bits |= used('0', mask);
  const whole = /mark (?:== |!= )?(\{[^}]*\}|0x[0-9a-f]+|\d+)/gi;
  for (const [, values = ''] of tests.matchAll(whole)) bits |= bitsOfValues(values);
  // What `& M` keeps is untouched; what it takes away is used.
  for (const [, kept] of changes.matchAll(/(?:&|\band) (0x[0-9a-f]+|\d+)/gi)) {
    bits |= used('0', String(~Number(kept) >>> 0));
  }
  for (const [, value] of changes.matchAll(/(?:[|^]|\bx?or) (0x[0-9a-f]+|\d+)/gi)) {
    bits |= used(value, undefined);
  }
  const first = /^(0x[0-9a-f]+|\d+)/i.exec(changes);
  return first === null ? bits : bits | used(first[1], undefined);
}

/** `fwmark V` and `fwmark V/M`. */
export function bitsOfRouting(line: string): number {
  const [, value, mask] = /\bfwmark (0x[0-9a-f]+|\d+)(?:\/(0x[0-9a-f]+|\d+))?/i.exec(line) ?? [];
  return value === undefined ? 0 : used(value, mask);
}

function bitsOfValues(text: string): number {
  let bits = 0;
  for (const [value] of text.matchAll(/0x[0-9a-f]+|\d+/gi)) bits |= Number(value);
  return bits;
}

function used(value: string | undefined, mask: string | undefined): number {
  const bits = mask === undefined ? WHOLE : Number(mask);
  return bits === WHOLE ? Number(value) : Number(value) | bits;
}

/** A probe beside us is no reason to refuse a restart. */
function isOurs(line: string): boolean {
  return line.includes(CHAIN_PREFIX) || line.includes(PROBE_PREFIX);
}

/** Without our own table, and our chains in the tables that iptables-nft keeps: ours by right. */
export function withoutOurs(ruleset: string): string {
  const ours = new RegExp(
    `^table inet ${NFT_TABLE} \\{$[^]*?^\\}$|^\\tchain ${CHAIN_PREFIX}[^]*?^\\t\\}$`,
    'gm',
  );
  return ruleset.replace(ours, '');
}
