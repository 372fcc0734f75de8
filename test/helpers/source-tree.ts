/**
 * A TypeScript source as a tree, and text put into it by place: for what changes sources before
 * they run (coverage counters, mutants). Owns the order in which texts at one place stand.
 */
import { parseAst } from 'rolldown/parseAst';

export interface TreeNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export function parseTree(source: string): TreeNode {
  return parseAst(source, { lang: 'ts', sourceType: 'module' }) as unknown as TreeNode;
}

/** Nodes right below. */
export function childrenOf(node: TreeNode): TreeNode[] {
  return Object.values(node).flat().filter(isNode);
}

export function isNode(value: unknown): value is TreeNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

/** Depth first; `leave` behind the children. False from `enter`: not what is below. */
export function walkTree(
  node: TreeNode,
  enter: (node: TreeNode, parent: TreeNode | undefined) => boolean,
  leave: (node: TreeNode) => void = () => {},
  parent?: TreeNode,
): void {
  if (!enter(node, parent)) return;
  for (const child of childrenOf(node)) walkTree(child, enter, leave, node);
  leave(node);
}

/** What is around a node, outermost first, when `open` is called before that of nodes within. */
export class Insertions {
  private readonly opening = new Map<number, string>();
  private readonly closing = new Map<number, string>();

  /** Before what begins at `at`. */
  open(at: number, text: string): void {
    this.opening.set(at, (this.opening.get(at) ?? '') + text);
  }

  /** Behind what ends at `at`; called for the inner node first. */
  close(at: number, text: string): void {
    this.closing.set(at, (this.closing.get(at) ?? '') + text);
  }

  into(source: string): string {
    const places = new Set([...this.opening.keys(), ...this.closing.keys()]);
    let out = '';
    let from = 0;
    for (const at of [...places].sort((a, b) => a - b)) {
      out += source.slice(from, at);
      out += (this.closing.get(at) ?? '') + (this.opening.get(at) ?? '');
      from = at;
    }
    return out + source.slice(from);
  }
}
