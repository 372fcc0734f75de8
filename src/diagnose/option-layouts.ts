/**
 * The names of a header's options in their order, `nop,nop,TS`. Owns every layout that was met, as
 * a tree by option kind, so that text is made once per layout and not once per packet.
 */
const OPTION_NAMES: Readonly<Record<number, string>> = {
  0: 'eol',
  1: 'nop',
  2: 'mss',
  3: 'wscale',
  4: 'sackOK',
  5: 'sack',
  8: 'TS',
};

/** Hardly a dozen occur; a capture made to have more only makes us slower. */
const NODE_COUNT_MAX = 512;

export class OptionLayouts {
  private readonly children = new Int32Array(NODE_COUNT_MAX * 256);
  private readonly texts: string[] = [''];

  /** Of the options at [from, end). */
  layout(bytes: Uint8Array, from: number, end: number): string {
    let node = 0;
    let text = '';
    let at = from;
    while (at < end) {
      const kind = bytes[at] ?? 0;
      const child = node < 0 ? 0 : (this.children[node * 256 + kind] ?? 0);
      if (child > 0) node = child;
      else {
        if (node >= 0) text = this.texts[node] ?? '';
        text += `${text === '' ? '' : ','}${OPTION_NAMES[kind] ?? `option${kind}`}`;
        node = this.remember(node, kind, text);
      }
      if (kind === 0) break;
      at += kind === 1 ? 1 : Math.max(2, bytes[at + 1] ?? 2);
    }
    return node < 0 ? text : (this.texts[node] ?? '');
  }

  /** The new node, or -1 when the tree is full. */
  private remember(parent: number, kind: number, text: string): number {
    if (parent < 0 || this.texts.length >= NODE_COUNT_MAX) return -1;
    const node = this.texts.length;
    this.texts.push(text);
    this.children[parent * 256 + kind] = node;
    return node;
  }
}
