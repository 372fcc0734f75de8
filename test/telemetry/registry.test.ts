/**
 * The registry and the engine's numbers are one list in two places, and every name in it is API:
 * written out here, so that whoever renames one has to do it twice and think once.
 */
import { describe, expect, it } from 'vitest';
import * as codes from '../../src/engine/codes.ts';
import { EV_ARG_COUNT } from '../../src/engine/events.ts';
import { COUNTER_COUNT } from '../../src/engine/limits.ts';
import { CODES, codeByName, codeEntry, STATS } from '../../src/telemetry/registry.ts';

const constants = Object.entries(codes).filter(([name]) => name !== 'WOULD');
const codeConstants = constants.filter(([name]) => !name.startsWith('STAT_'));
const statConstants = constants.filter(([name]) => name.startsWith('STAT_'));

describe('CODES', () => {
  it('have these numbers, names, kinds, severities and arguments', () => {
    const rows = CODES.map(({ code, name, kind, severity, args }) =>
      [code, name, kind, severity, ...args.map(([key, type]) => `${key}:${type}`)].join(' '),
    );
    expect(rows).toEqual([
      '1 synack-conflict finding error isn:seq otherIsn:seq afterMs:ms ttl:ttl otherTtl:ttl',
      '2 rst-after-conflict finding error seq:seq isn:seq sinceConflictMs:ms',
      '3 rst-refuted finding error seq:seq bySeq:seq afterMs:ms probes:count',
      '4 rst-foreign finding warning seq:seq ttl:ttl flowTtl:ttl support:support',
      '5 rst-inexact finding note seq:seq rcvNxt:seq',
      '6 synack-wrong-ack finding note ack:seq expectedAck:seq isn:seq',
      '7 stale-ack finding note ack:seq iss:seq',
      '8 phantom-synack finding error isn:seq otherIsn:seq probes:count resets:count afterMs:ms',
      '9 anchor-contradicted finding error seq:seq isn:seq otherIsn:seq',
      '10 far-end-silent finding warning silentMs:ms probes:count',
      '11 checksum-partial finding warning segSeq:seq',
      '12 checksum-bad finding warning segSeq:seq',
      '13 rst-no-connection finding warning',
      '14 rst-by-owner finding note',
      '15 connection-refused finding warning',
      '16 syn-unanswered finding warning',
      '17 checksum-offload finding note',
      '18 sack-out-of-window finding warning left:seq right:seq segAck:seq sndNxt:seq',
      '19 sequence-jump finding error seq:seq rcvNxt:seq seqBy:seq ackBy:seq afterMs:ms',
      '20 duplicate-address finding warning ttl:ttl otherTtl:ttl macs:count turns:count',
      '21 timestamps-stripped finding warning',
      '22 window-scale-stripped finding error',
      '23 sack-permitted-stripped finding warning',
      '24 idle-drop finding error silentMs:ms tries:count probes:count byReset:count limitMs:ms',
      '25 keepalive-unanswered finding warning silentMs:ms probes:count',
      '26 half-open finding warning',
      '27 split-handshake finding warning',
      '28 syn-data finding note',
      '29 retransmission-storm finding warning',
      '30 zero-window-stall finding warning',
      '31 mss-lowered finding note',
      '64 synack-dropped intervention note isn:seq otherIsn:seq count:count',
      '65 ack-swallowed intervention note seq:seq ack:seq',
      '66 rst-held adjustment note seq:seq waitMs:ms ttl:ttl support:support',
      '67 rst-dropped intervention note seq:seq afterMs:ms',
      '68 rst-released adjustment note seq:seq heldMs:ms probes:count',
      '69 probe-sent adjustment note seq:seq ack:seq number:count',
      '70 reanchored intervention note isn:seq otherIsn:seq delta:seq afterMs:ms scaleShift:shift',
      '71 first-data-resent intervention note bytes:octets',
      '72 segment-translated intervention note',
      '73 checksum-filled intervention note segSeq:seq',
      '74 flow-ended intervention note seq:seq',
      '75 old-numbers-dropped intervention note seq:seq isn:seq',
      '76 sack-repaired intervention note',
      '77 sack-stripped adjustment note',
      '78 sack-calibrated adjustment note delta:seq probes:count',
      '79 resynced intervention note seqBy:seq ackBy:seq afterMs:ms',
      '80 options-aligned intervention note shift:shift',
      '81 mss-clamped intervention note offeredMss:octets mss:octets',
      '82 icmp-translated intervention note seq:seq toSeq:seq',
      '83 translated-by-kernel intervention note delta:seq',
      '84 kept-in-userspace adjustment note tsBy:seq scales:count refused:count',
      '85 sack-withheld intervention note',
      '86 keepalive-sent adjustment note seq:seq ack:seq number:count',
    ]);
  });

  it('are the constants of the engine, in both directions', () => {
    const registry = CODES.map(({ code, name }) => [name.toUpperCase().replaceAll('-', '_'), code]);
    expect(Object.fromEntries(registry)).toEqual(Object.fromEntries(codeConstants));
    expect(registry.length).toBe(codeConstants.length);
  });

  it('are found by number and by name', () => {
    for (const entry of CODES) {
      expect(codeEntry(entry.code)).toBe(entry);
      expect(codeByName(entry.name)).toBe(entry);
    }
    expect(codeEntry(0)).toBeUndefined();
    expect(codeByName('')).toBeUndefined();
  });

  it('are findings below 64 and actions from there', () => {
    for (const { code, kind, name } of CODES) expect(kind === 'finding', name).toBe(code < 64);
  });

  it('fit the event, the policy page and the counters', () => {
    for (const { code, args, name } of CODES) {
      expect(args.length, name).toBeLessThanOrEqual(EV_ARG_COUNT);
      expect(new Set(args.map(([key]) => key)).size, name).toBe(args.length);
      expect(code, name).toBeLessThan(128);
      expect(code + codes.WOULD, name).toBeLessThan(COUNTER_COUNT);
    }
  });

  it('have argument names that no field of a log line has', () => {
    const fields = ['time', 'level', 'msg', 'code', 'kind', 'cause', 'flow', 'ageMs', 'summary'];
    for (const { args } of CODES) for (const [key] of args) expect(fields).not.toContain(key);
  });

  it('are explained in one sentence each', () => {
    for (const { summary, name } of CODES) expect(summary, name).toMatch(/^[A-Z].{20,98}\.$/);
    expect(new Set(CODES.map(({ summary }) => summary)).size).toBe(CODES.length);
  });
});

describe('STATS', () => {
  it('have these numbers and names', () => {
    expect(STATS.map(([number, name]) => `${number} ${name}`)).toEqual([
      '128 packets',
      '129 octets',
      '130 flowsCreated',
      '131 flowsPickedUp',
      '132 tableFull',
      '133 repairFull',
      '134 passedNotTcp',
      '135 passedFragment',
      '136 passedTruncated',
      '137 passedBadLength',
      '138 passedBadOption',
      '139 passedMd5Ao',
      '140 passedMptcp',
      '141 passedFastOpen',
      '142 rstPassed',
      '143 checkLimit',
      '144 windowRescaled',
      '146 retransmissions',
      '147 flowsExpired',
      '148 outboxFull',
      '149 shed',
      '150 bypassedPackets',
      '151 bypassedOctets',
      '152 sackContradicted',
      '154 resyncCancelled',
      '157 passedBridged',
      '158 kernelRetried',
      '159 movingDropped',
    ]);
  });

  it('are the constants of the engine, in both directions', () => {
    const numbers = (list: readonly number[]) => [...list].sort((a, b) => a - b);
    expect(numbers(STATS.map(([number]) => number))).toEqual(
      numbers(statConstants.map(([, number]) => number)),
    );
  });

  it('lie between the codes and what would have been done', () => {
    for (const [number, name] of STATS) {
      expect(number, name).toBeGreaterThanOrEqual(128);
      expect(number, name).toBeLessThan(codes.WOULD);
    }
    const would = CODES.map(({ code }) => code + codes.WOULD);
    const all = [...CODES.map(({ code }) => code), ...STATS.map(([number]) => number), ...would];
    expect(new Set(all).size).toBe(all.length);
  });
});
