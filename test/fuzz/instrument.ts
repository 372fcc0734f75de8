/**
 * Coverage for the fuzzer: a counter wherever control flow may go one way or another (functions,
 * branches, loops, cases, right sides of && || ??). Counters lie in one array that the loop reads
 * between two runs, which costs microseconds; V8's own precise coverage costs milliseconds.
 *
 * Owns the numbering, and the words of the sources: what a parser compares its input with.
 */
import { Insertions, parseTree, type TreeNode, walkTree } from '../helpers/source-tree.ts';

/** Where the counters are: read once by every instrumented module. */
export const COUNTERS = '__seqshimCounters';
export const COUNTER_PLACES = 1 << 16;

const WORD_CHARACTERS_MAX = 40;
/** Smaller numbers are found without help. */
const NUMBER_MIN = 256;

export class Instrumenter {
  /** Strings and numbers that the sources compare with. */
  readonly words = new Set<string>();
  readonly numbers = new Set<number>();
  private used = 0;

  get placeCount(): number {
    return this.used;
  }

  /** The source with its counters. */
  instrument(source: string): string {
    const edits = new Insertions();
    walkTree(
      parseTree(source),
      (node) => {
        if (node.type.startsWith('TS') && !CARRIERS.has(node.type)) return false;
        this.note(node);
        this.count(node, edits);
        return true;
      },
      (node) => this.close(node, edits),
    );
    return `const __n=globalThis.${COUNTERS};${edits.into(source)}`;
  }

  private next(): string {
    this.used = (this.used + 1) % COUNTER_PLACES;
    return `__n[${this.used}]++`;
  }

  private note(node: TreeNode): void {
    if (node.type === 'TemplateElement') {
      this.word((node['value'] as { cooked?: unknown }).cooked);
    }
    if (node.type !== 'Literal') return;
    const { value } = node as TreeNode & { value?: unknown };
    this.word(value);
    if (value instanceof RegExp) {
      // What stands in a pattern as itself.
      for (const word of value.source.match(/[A-Za-z][A-Za-z_ -]{2,}/g) ?? []) this.word(word);
    }
    if (typeof value === 'number' && value >= NUMBER_MIN && value <= 0xffff_ffff) {
      this.numbers.add(value);
    }
  }

  private word(value: unknown): void {
    if (typeof value !== 'string' || value.length < 2) return;
    if (value.length <= WORD_CHARACTERS_MAX) this.words.add(value);
  }

  private count(node: TreeNode, edits: Insertions): void {
    for (const part of branchesOf(node)) this.open(part, edits);
    if (node.type === 'SwitchCase') {
      const [first] = node['consequent'] as TreeNode[];
      if (first !== undefined) edits.open(first.start, `${this.next()};`);
    }
  }

  private open(part: TreeNode, edits: Insertions): void {
    if (part.type === 'BlockStatement') edits.open(part.start + 1, `${this.next()};`);
    else if (isStatement(part)) edits.open(part.start, `{${this.next()};`);
    else edits.open(part.start, `(${this.next()},`);
  }

  private close(node: TreeNode, edits: Insertions): void {
    for (const part of branchesOf(node)) {
      if (part.type !== 'BlockStatement') edits.close(part.end, isStatement(part) ? '}' : ')');
    }
    if (node.type !== 'IfStatement' || node['alternate'] !== null) return;
    edits.close(node.end, `else{${this.next()}}`);
  }
}

/** TypeScript nodes that carry an expression. */
const CARRIERS = new Set([
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'TSTypeAssertion',
]);

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

const LOOPS = new Set([
  'ForStatement',
  'ForOfStatement',
  'ForInStatement',
  'WhileStatement',
  'DoWhileStatement',
]);

function isStatement({ type }: TreeNode): boolean {
  return type.endsWith('Statement') || type.endsWith('Declaration');
}

/** The parts of a node that run, or do not. */
function branchesOf(node: TreeNode): TreeNode[] {
  const { type } = node;
  const part = (key: string) => [node[key]].filter((value) => value !== null) as TreeNode[];
  if (FUNCTIONS.has(type)) return part('body');
  if (type === 'ConditionalExpression') return [...part('consequent'), ...part('alternate')];
  if (type === 'LogicalExpression') return part('right');
  if (LOOPS.has(type)) return part('body');
  if (type !== 'IfStatement') return [];
  const alternate = part('alternate').filter((other) => other.type !== 'IfStatement');
  return [...part('consequent'), ...alternate];
}
