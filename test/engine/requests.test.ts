/**
 * What the main thread asks of the engine, and what the engine asks of it when that is away, or
 * cannot do it. Times: ms.
 */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { Engine } from '../../src/engine/engine.ts';
import { FACT_FAULTY, FACT_PHANTOM } from '../../src/engine/flow/path-table.ts';
import { INJECT_FAR, INJECT_NEAR, VERDICT_ACCEPT, VERDICT_DROP } from '../../src/engine/verdict.ts';
import { ACK, RST, SYN } from '../../src/engine/wire/segment.ts';
import { A, answering, B, C, phantom, reanchored, WSCALE } from './phantom-rig.ts';
import { Rig } from './rig.ts';

const SERVER_PORT = 22;
const OTHER_ADDRESS = 0x0a000003;

function confirmed(): Rig {
  const rig = reanchored();
  rig.out({ flags: 0, seq: C + 22, ack: A + 1 });
  rig.in({ flags: 0, seq: B + 1, ack: C + 22, payload: 40 });
  expect(rig.pathHolds(FACT_PHANTOM)).toBe(true);
  return rig;
}

describe('the end of the shim', () => {
  it('ends what lives by translation, where the client sees it, and nothing else', () => {
    const rig = confirmed();
    rig.ruled = false;
    rig.ports += 1 << 16;
    rig.connect(5, 7000);
    rig.injected.length = 0;
    rig.endAll();
    expect(rig.injected).toMatchObject([
      { path: INJECT_NEAR, flags: RST | ACK, seq: (A + 41) | 0 },
    ]);
    expect(rig.rules).toEqual(['add', 'del']);
    expect(rig.in({ flags: ACK, seq: 7001, ack: 6, payload: 10 })).toBe(VERDICT_ACCEPT);
  });

  it('ends them out of the memory that a dead thread has left', () => {
    const rig = confirmed();
    rig.injected.length = 0;
    rig.endAll(new Engine(rig.memory, 0));
    expect(rig.injected).toMatchObject([
      { path: INJECT_NEAR, flags: RST | ACK, seq: (A + 41) | 0 },
    ]);
    expect(rig.rules).toEqual(['add', 'del']);
  });

  it('takes no new connection', () => {
    const rig = new Rig();
    rig.endAll();
    rig.out({ flags: SYN, seq: 5 });
    expect(rig.count(code.STAT_FLOW_CREATED)).toBe(0);
  });
});

describe('forgetting a destination', () => {
  it.each([0, SERVER_PORT])('takes what is known of it: port %i', (port) => {
    const rig = confirmed();
    rig.forgetServer(port);
    expect(rig.pathHolds(FACT_PHANTOM) || rig.pathHolds(FACT_FAULTY)).toBe(false);
  });

  it('leaves other ports and addresses', () => {
    const rig = confirmed();
    rig.forgetServer(SERVER_PORT + 1);
    rig.forgetServer(0, OTHER_ADDRESS);
    expect(rig.pathHolds(FACT_PHANTOM)).toBe(true);
  });

  it('is no harm to the connection that has taught it', () => {
    const rig = confirmed();
    rig.forgetServer(0);
    expect(rig.in({ flags: RST, seq: B + 41 })).toBe(VERDICT_DROP);
    rig.pass(300);
    expect(rig.injected.at(-1)).toMatchObject({ path: INJECT_NEAR });
  });
});

describe('a rule that cannot be put in', () => {
  it('is asked for again, and until it stands nothing is moved', () => {
    const rig = new Rig();
    rig.rulesWork = false;
    phantom(rig);
    rig.in({ flags: RST, seq: A + 1 });
    answering(rig, 1000);
    rig.in({ flags: SYN, seq: B, ack: C + 1, options: WSCALE(7) });
    answering(rig, 100);
    expect(rig.rules.length).toBeGreaterThan(2);
    expect(rig.count(code.REANCHORED)).toBe(0);
    rig.rulesWork = true;
    answering(rig, 100);
    expect(rig.count(code.REANCHORED)).toBe(1);
  });
});

describe('a main thread that is away', () => {
  it('gets its requests when it is back: the flow is moved all the same', () => {
    const rig = new Rig();
    rig.fillOutbox();
    phantom(rig);
    expect(rig.in({ flags: RST, seq: A + 1 })).toBe(VERDICT_DROP);
    rig.pass(300);
    expect(rig.count(code.STAT_OUTBOX_FULL)).toBeGreaterThan(0);
    rig.emptyOutbox();
    answering(rig, 2000);
    rig.in({ flags: SYN, seq: B, ack: C + 1, options: WSCALE(7) });
    answering(rig, 50);
    expect(rig.count(code.REANCHORED)).toBe(1);
  });

  it('costs no flow its connection: a forged reset is still asked about', () => {
    const rig = new Rig();
    rig.connect(C, 9000);
    rig.in({ flags: SYN, seq: B, ack: C + 1 });
    rig.in({ flags: ACK, seq: 9001, ack: C + 1, payload: 40 });
    rig.out({ flags: ACK, seq: C + 1, ack: 9041 });
    rig.pass(2000);
    rig.fillOutbox();
    expect(rig.in({ flags: RST, seq: 9041 })).toBe(VERDICT_DROP);
    rig.pass(50);
    rig.emptyOutbox();
    for (let i = 0; i < 500; i++) {
      const before = rig.injected.length;
      rig.pass(2);
      const probed = rig.injected.slice(before).some(({ path }) => path === INJECT_FAR);
      if (probed) rig.in({ flags: ACK, seq: 9041, ack: C + 1 });
    }
    expect(rig.injected.filter(({ path }) => path === INJECT_NEAR)).toEqual([]);
    expect(rig.count(code.RST_REFUTED)).toBe(1);
  });
});
