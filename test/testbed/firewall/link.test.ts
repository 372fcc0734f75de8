/** A link: when packets arrive, which do not, and in which order. */
import { describe, expect, it } from 'vitest';
import type { CompositionInput } from '../../../src/testbed/firewall/behaviour.ts';
import { ChainRun, ISN, ISS, type Sent } from './chain-run.ts';

type Path = NonNullable<CompositionInput['path']>;

function over(path: Path, seed = 1): ChainRun {
  return new ChainRun({ behaviours: [], path, seed });
}

/** So many data segments of the server at once; what arrives within a second. */
function burst(run: ChainRun, count: number): Sent[] {
  const at = Array.from({ length: count }, (_, k) =>
    run.server({ seq: ISN + 1 + k * 100, ack: ISS + 1, payload: 'x'.repeat(100) }),
  );
  return [...at.flat(), ...run.wait(1000)];
}

const seqs = (sent: Sent[]) => sent.map(({ seg }) => seg.segSeq);
const sorted = (numbers: number[]) => [...numbers].sort((a, b) => a - b);

describe('path', () => {
  it('takes its time, each way its own', () => {
    const run = over({ delayMs: 10, toClient: { delayMs: 25 } });
    run.client({ seq: ISS });
    run.server({ seq: ISN });
    expect(run.wait(50).map(({ toClient, atMs }) => [toClient, atMs])).toEqual([
      [false, 10],
      [true, 25],
    ]);
  });

  it('adds jitter and keeps the order', () => {
    const run = over({ delayMs: 10, jitterMs: 20 });
    const sent: Sent[] = [];
    for (let k = 0; k < 200; k++) {
      run.server({ seq: ISN + 1 + k, ack: ISS + 1, payload: 'x' });
      sent.push(...run.wait(1));
    }
    sent.push(...run.wait(50));
    expect(seqs(sent)).toEqual(sorted(seqs(sent)));
    const delays = sent.map(({ atMs }, k) => atMs - k);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(10);
    expect(Math.max(...delays)).toBeLessThanOrEqual(31);
    expect(new Set(delays).size).toBeGreaterThan(5);
  });

  it('carries 10 Mbit/s, and loses what its buffer does not hold', () => {
    // 140 octets each: 100 of them take 11.2 ms.
    const sent = burst(over({ rateMbit: 10 }), 100);
    expect(sent).toHaveLength(100);
    expect(sent.at(-1)?.atMs).toBe(12);
    const small = burst(over({ rateMbit: 10, bufferOctets: 1400 }), 100);
    expect(small).toHaveLength(10);
  });

  it('loses its share, the same packets for the same seed', () => {
    const lost = (seed: number) => seqs(burst(over({ loss: 0.3 }, seed), 500));
    expect(lost(5)).toEqual(lost(5));
    expect(lost(5)).not.toEqual(lost(6));
    expect(lost(5).length).toBeGreaterThan(300);
    expect(lost(5).length).toBeLessThan(400);
  });

  it('sends packets before those ahead of them, and loses none', () => {
    const sent = seqs(burst(over({ delayMs: 5, reordering: 0.2 }), 200));
    expect(sent).not.toEqual(sorted(sent));
    expect(new Set(sent).size).toBe(200);
  });

  it('sends packets twice', () => {
    const sent = seqs(burst(over({ duplication: 0.5 }), 200));
    expect(sent.length).toBeGreaterThan(260);
    expect(new Set(sent).size).toBe(200);
  });

  it('stands behind the last box, and as a behaviour where the list says', () => {
    const near = new ChainRun({
      behaviours: [
        { kind: 'link', delayMs: 7 },
        { kind: 'state-loss', answer: 'reset', fromMs: 1 },
      ],
    });
    near.client({ flags: 2, seq: ISS });
    near.wait(20);
    near.client({ seq: ISS + 1, ack: ISN + 1 });
    expect(near.wait(20).map(({ toClient, atMs }) => [toClient, atMs])).toEqual([[true, 34]]);
  });

  it('takes errors along', () => {
    const run = new ChainRun({
      behaviours: [
        { kind: 'link', delayMs: 7 },
        { kind: 'mtu-limit', octets: 1000, answer: 'icmp' },
      ],
    });
    run.client({ flags: 2, seq: ISS });
    run.client({ seq: ISS + 1, ack: ISN + 1, payload: 'x'.repeat(1200) });
    expect(run.wait(20).map(({ isTcp, atMs }) => [isTcp, atMs])).toEqual([
      [true, 7],
      [false, 14],
    ]);
  });
});
