/**
 * Whatever the engine asks for or tells, it names the connection: both addresses, ports, family,
 * row and generation. One conflict of each family, behind two healthy connections. Times: ms.
 */
import { describe, expect, it } from 'vitest';
import {
  EVENT_SLOT_COUNT,
  EVENT_WORDS,
  OUTBOX_SLOT_BYTES,
  OUTBOX_SLOT_COUNT,
} from '../../src/engine/limits.ts';
import * as out from '../../src/engine/outbox.ts';
import { Ring } from '../../src/engine/ring.ts';
import { TO_FAR, TO_NEAR } from '../../src/engine/verdict.ts';
import { ACK, SYN } from '../../src/engine/wire/segment.ts';
import { readEvent } from '../../src/telemetry/event-log.ts';
import { formatAddress } from '../../src/telemetry/flow-address.ts';
import { EngineRun } from '../helpers/engine-run.ts';
import { type SegmentSpec, seg } from '../helpers/segment-builder.ts';

const NEAR_PORT = 40_270;
const ISS = 5000;
const IRS = 900_000;
const RIVAL = -77_000_000;

describe.each([
  { family: 4, near: '10.1.2.3', far: '10.4.5.6' },
  { family: 6, near: 'fd01:2:3:4:5:6:7:8', far: 'fd09:a:b:c:d:e:f:1' },
] as const)('of a connection over IPv$family', ({ family, near, far }) => {
  function talk(run: EngineRun, srcPort: number, rivals: boolean): void {
    const up = (spec: SegmentSpec) =>
      run.feed(seg({ family, src: near, dst: far, srcPort, dstPort: 22, ...spec }), TO_FAR, 0, 5);
    const down = (spec: SegmentSpec) =>
      run.feed(
        seg({ family, src: far, dst: near, srcPort: 22, dstPort: srcPort, ...spec }),
        TO_NEAR,
        0,
        9,
      );
    up({ flags: SYN, seq: ISS });
    down({ flags: SYN | ACK, seq: IRS, ack: ISS + 1 });
    up({ flags: ACK, seq: ISS + 1, ack: IRS + 1 });
    if (rivals) down({ flags: SYN | ACK, seq: RIVAL, ack: ISS + 1 });
  }

  function conflict(): EngineRun {
    const run = new EngineRun(64, 3);
    talk(run, NEAR_PORT - 2, false);
    talk(run, NEAR_PORT - 1, false);
    talk(run, NEAR_PORT, true);
    return run;
  }

  it('what is told', () => {
    const { memory } = conflict();
    const events = new Ring(memory.events, EVENT_SLOT_COUNT, EVENT_WORDS * 4);
    const told = readEvent(events.words, events.peek());
    expect(told).toMatchObject({
      code: 'synack-conflict',
      near: { address: near, port: NEAR_PORT },
      far: { address: far, port: 22 },
      ageMs: 4,
      observed: false,
    });
  });

  it('what is asked for', () => {
    const run = conflict();
    for (let ms = 10; ms < 3000; ms += 5) run.engine.tick(ms);
    const outbox = new Ring(run.memory.outbox, OUTBOX_SLOT_COUNT, OUTBOX_SLOT_BYTES);
    const { words } = outbox;
    const kinds = new Set<number>();
    for (let at = outbox.peek(); at >= 0; at = outbox.peek()) {
      kinds.add(words[at + out.OUT_KIND] ?? 0);
      expect({
        family: words[at + out.OUT_FAMILY],
        near: formatAddress(words, at + out.OUT_NEAR_ADDR, family),
        far: formatAddress(words, at + out.OUT_FAR_ADDR, family),
        ports: words[at + out.OUT_PORTS],
        flow: words[at + out.OUT_FLOW],
        generation: words[at + out.OUT_GENERATION],
      }).toEqual({ family, near, far, ports: (NEAR_PORT << 16) | 22, flow: 2, generation: 1 });
      outbox.release();
    }
    expect(kinds).toEqual(new Set([out.OUT_KIND_INJECT, out.OUT_KIND_RULE_ADD]));
  });
});
