/**
 * Small mistakes that a source could have, one at a time: a condition that always or never holds,
 * an operator that is its neighbour, a statement that is not there. Owns the kinds; says where each
 * mistake stands and what stands there instead.
 */
import { isNode, parseTree, type TreeNode, walkTree } from '../helpers/source-tree.ts';

export const KINDS = [
  'condition',
  'comparison',
  'logic',
  'arithmetic',
  'bits',
  'sign',
  'step',
  'assignment',
  'statement',
] as const;
export type Kind = (typeof KINDS)[number];

export interface Mutant {
  readonly id: number;
  /** Below the root of the project. */
  readonly file: string;
  readonly line: number;
  readonly kind: Kind;
  readonly start: number;
  readonly end: number;
  readonly before: string;
  /** Empty: the statement goes. */
  readonly after: string;
}

type Operators = Readonly<Record<string, readonly string[]>>;

const COMPARISONS: Operators = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
};
const ARITHMETIC: Operators = { '+': ['-'], '-': ['+'], '*': ['/'], '/': ['*'], '%': ['*'] };
const BITS: Operators = {
  '&': ['|'],
  '|': ['&'],
  '^': ['&'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['>>'],
};
const LOGIC: Operators = { '&&': ['||'], '||': ['&&'], '??': ['&&'] };
const ASSIGNMENTS: Operators = { '+=': ['-='], '-=': ['+='], '|=': ['&='], '&=': ['|='] };
const TESTED = new Set(['IfStatement', 'ConditionalExpression', 'WhileStatement', 'ForStatement']);
/** `x | 0` makes an int32 of what is one mostly: an equal, not a mistake. */
const COERCION = /^\|\s*0$/;

/** All of a file, in their order. */
export function mutantsOf(file: string, source: string, firstId: number): Mutant[] {
  const found: Mutant[] = [];
  const add = (kind: Kind, node: TreeNode, after: string) => {
    const { start, end } = node;
    const line = source.slice(0, start).split('\n').length;
    const before = source.slice(start, end);
    found.push({ id: firstId + found.length, file, line, kind, start, end, before, after });
  };
  walkTree(parseTree(source), (node) => {
    if (/^(TS|Import)/.test(node.type) && !/^TS(As|NonNull|Satisfies)/.test(node.type))
      return false;
    if (isAssertion(node)) return false;
    mutate(node, source, add);
    return true;
  });
  return found;
}

/** What an assertion says is never wrong, whatever it says instead. */
function isAssertion(node: TreeNode): boolean {
  if (node.type !== 'CallExpression') return false;
  return (node['callee'] as { name?: string }).name === 'assert';
}

type Add = (kind: Kind, node: TreeNode, after: string) => void;

function mutate(node: TreeNode, source: string, add: Add): void {
  const test = node['test'];
  if (TESTED.has(node.type) && isNode(test)) {
    add('condition', test, 'false');
    // A loop that always goes on is found by any test: none is needed for it.
    if (node.type === 'IfStatement' || node.type === 'ConditionalExpression') {
      add('condition', test, 'true');
    }
  }
  if (node.type === 'BinaryExpression') {
    swap('comparison', COMPARISONS, node, source, add);
    swap('arithmetic', ARITHMETIC, node, source, add);
    swap('bits', BITS, node, source, add);
  } else if (node.type === 'LogicalExpression') swap('logic', LOGIC, node, source, add);
  else if (node.type === 'AssignmentExpression') {
    swap('assignment', ASSIGNMENTS, node, source, add);
  } else if (node.type === 'UnaryExpression') {
    const argument = node['argument'] as TreeNode;
    if (/[!~-]/.test(String(node['operator'])) && argument.type !== 'Literal') {
      add('sign', node, source.slice(argument.start, argument.end));
    }
  } else if (node.type === 'UpdateExpression') {
    const other = node['operator'] === '++' ? '--' : '++';
    add('step', node, source.slice(node.start, node.end).replace(/\+\+|--/, other));
  } else if (node.type === 'ExpressionStatement') add('statement', node, '');
}

function swap(kind: Kind, operators: Operators, node: TreeNode, source: string, add: Add): void {
  const operator = String(node['operator']);
  const [left, right] = [node['left'] as TreeNode, node['right'] as TreeNode];
  for (const other of operators[operator] ?? []) {
    const between = source.slice(left.end, right.start);
    const text = `${operator}${source.slice(right.start, right.end)}`;
    if (COERCION.test(text)) continue;
    const head = source.slice(node.start, left.end);
    const tail = source.slice(right.start, node.end);
    add(kind, node, head + replaceOperator(between, operator, other) + tail);
  }
}

/** Brackets may stand beside it. */
function replaceOperator(between: string, operator: string, other: string): string {
  const at = between.indexOf(operator);
  return between.slice(0, at) + other + between.slice(at + operator.length);
}
