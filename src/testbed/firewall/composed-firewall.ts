/**
 * The faulty firewall as a chain of behaviours: one queue in the FORWARD hook of its namespace,
 * whose packets are all taken over, pass the chain, and are sent by a raw socket, so that what is
 * made up, delayed or changed leaves in the order in which it was decided. Every packet comes
 * segmented (no GSO): what is lost or reordered on the way are packets. Times: ms.
 */
import { openInjector } from '../../datapath/nfqueue/injector.ts';
import { Queue } from '../../datapath/nfqueue/queue.ts';
import { INJECT_FAR, VERDICT_ACCEPT, VERDICT_DROP } from '../../engine/verdict.ts';
import { parseSegment, WIRE_OK } from '../../engine/wire/parse.ts';
import { Segment } from '../../engine/wire/segment.ts';
import type { Composition } from './behaviour.ts';
import { Chain } from './chain.ts';
import { OWN_MARK } from './fault.ts';
import { Packet } from './packet.ts';

export class ComposedFirewall {
  private readonly queue: Queue;
  private readonly chain: Chain;
  private readonly seg = new Segment();

  constructor(composition: Composition) {
    this.queue = new Queue({ queueNum: composition.queueNum, lengthMax: 16_384, gso: false });
    this.queue.setTimeoutMs(1);
    const injector = openInjector({
      backend: 'koffi',
      mark: OWN_MARK,
      report: (line) => process.stderr.write(`${line}\n`),
    });
    this.chain = new Chain(composition, (packet) => {
      injector.send(INJECT_FAR, packet.bytes);
    });
  }

  /** One batch, and what has become due. */
  turn(): void {
    const { queue, chain } = this;
    const count = queue.receive();
    for (let i = 0; i < count; i++) queue.setVerdict(i, this.takeOver(i));
    queue.flush();
    chain.advance(performance.now());
  }

  private takeOver(i: number): number {
    const { queue, seg } = this;
    const off = queue.off[i] ?? 0;
    const len = queue.len[i] ?? 0;
    if (parseSegment(queue.bytes, off, len, seg) !== WIRE_OK) return VERDICT_ACCEPT;
    const fromClient = seg.srcPort > seg.dstPort; // servers listen below 32768, clients above
    const bytes = queue.bytes.subarray(off, off + seg.ipBytes);
    this.chain.enter(new Packet(bytes, fromClient), performance.now());
    return VERDICT_DROP;
  }

  /** A composition has its schedules; nothing is done on demand. */
  obey(): number {
    return 0;
  }
}
