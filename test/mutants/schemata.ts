/**
 * A source that holds all its mutants at once, each behind a question: one compilation serves them
 * all, and a run tells which were reached. Loops count their turns, so that one that never ends
 * throws.
 */
import { Insertions, parseTree, walkTree } from '../helpers/source-tree.ts';
import type { Mutant } from './mutators.ts';

/** `__mutant(id)`: is it this one's turn? `__turn()`: a loop turns. */
export const ASK = '__mutant';
export const TURN = '__turn';

const LOOPS = /^(For|ForOf|While|DoWhile)Statement$/;

export function withMutants(source: string, mutants: readonly Mutant[]): string {
  const edits = new Insertions();
  const at = new Map<string, Mutant[]>();
  for (const mutant of mutants) {
    const key = `${mutant.start} ${mutant.end} ${mutant.kind === 'statement'}`;
    at.set(key, [...(at.get(key) ?? []), mutant]);
  }
  const done = new Set<string>();
  const keyOf = (type: string, start: number, end: number) =>
    `${start} ${end} ${type === 'ExpressionStatement'}`;
  const opened = new Map<unknown, readonly Mutant[]>();
  walkTree(
    parseTree(source),
    (node) => {
      const key = keyOf(node.type, node.start, node.end);
      const here = done.has(key) ? [] : (at.get(key) ?? []);
      if (here.length > 0) {
        done.add(key);
        opened.set(node, here);
      }
      for (const { id, after, kind } of here) {
        // In braces of its own: an `else` behind the statement is not this question's.
        if (kind === 'statement') edits.open(node.start, `{if(!${ASK}(${id})){`);
        else edits.open(node.start, `(${ASK}(${id})?(${after}):(`);
      }
      if (LOOPS.test(node.type)) {
        const { start, end, type } = node['body'] as { start: number; end: number; type: string };
        if (type === 'BlockStatement') edits.open(start + 1, `${TURN}();`);
        else {
          edits.open(start, `{${TURN}();`);
          edits.close(end, '}');
        }
      }
      return true;
    },
    (node) => {
      for (const { kind } of opened.get(node) ?? []) {
        edits.close(node.end, kind === 'statement' ? '}}' : '))');
      }
    },
  );
  return edits.into(source);
}
