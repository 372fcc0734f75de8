/** What pcapng says besides packets: losses of the capture, direction of a packet. */
import { describe, expect, it } from 'vitest';
import { SIDE_IN, SIDE_OUT, SIDE_UNKNOWN } from '../../../src/datapath/pcap/capture.ts';
import { CaptureReader } from '../../../src/datapath/pcap/capture-reader.ts';
import {
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_RAW,
} from '../../../src/datapath/pcap/link-layer.ts';
import { diagnoseStream } from '../../../src/diagnose/diagnose.ts';
import { LOST } from '../../../src/diagnose/report.ts';
import { BlockWriter, NAMES, num, STATISTICS } from '../../helpers/pcapng-blocks.ts';
import { seg } from '../../helpers/segment-builder.ts';

const FRAME = [...seg({ payload: 'four' })];
const FLAGS = 2;
const DROP_COUNT = 4;
const INTERFACE_DROPS = 5;
const SYSTEM_DROPS = 7;

interface Read {
  readonly sides: number[];
  readonly lost: number;
  readonly cutShort: boolean;
}

function read(bytes: readonly number[]): Read {
  const sides: number[] = [];
  const reader = new CaptureReader(({ side }) => sides.push(side));
  reader.push(Uint8Array.from(bytes));
  reader.end();
  return { sides, lost: reader.lostPackets, cutShort: reader.cutShort };
}

describe.each([
  ['little-endian', new BlockWriter(true)],
  ['big-endian', new BlockWriter(false)],
])('%s pcapng', (_name, write) => {
  const opened = [...write.section(), ...write.interface(LINKTYPE_RAW, 0)];
  const drops = (code: number, value: number) => write.count(code, value);

  it.each<[string, number[], number]>([
    ['nothing', [], 0],
    ['what the interface dropped', write.statistics(0, [drops(INTERFACE_DROPS, 7)]), 7],
    ['what the system dropped', write.statistics(0, [drops(SYSTEM_DROPS, 5)]), 5],
    ['both together', write.statistics(0, [drops(INTERFACE_DROPS, 7), drops(SYSTEM_DROPS, 5)]), 12],
    [
      'the newest of several statements, which count from the start',
      [
        ...write.statistics(0, [drops(INTERFACE_DROPS, 3)]),
        ...write.statistics(0, [drops(INTERFACE_DROPS, 9)]),
      ],
      9,
    ],
    [
      'packets that each say how many are missing before them',
      [
        ...write.enhanced(0, 1n, FRAME, [drops(DROP_COUNT, 2)]),
        ...write.enhanced(0, 2n, FRAME, [drops(DROP_COUNT, 3)]),
      ],
      5,
    ],
    [
      'the larger of both ways to say it',
      [
        ...write.enhanced(0, 1n, FRAME, [drops(DROP_COUNT, 2)]),
        ...write.statistics(0, [drops(INTERFACE_DROPS, 4)]),
      ],
      4,
    ],
    ['nothing of an interface that nobody described', write.statistics(3, [drops(5, 7)]), 0],
    ['nothing of a counter that is too short', write.statistics(0, [[5, [1, 0, 0, 0]]]), 0],
    [
      'nothing of a counter that its block does not hold',
      [
        ...write.block(STATISTICS, [
          ...[...num(0, 4, write.little), ...num(0, 8, write.little)],
          ...[...num(INTERFACE_DROPS, 2, write.little), ...num(8, 2, write.little)],
        ]),
        ...write.interface(LINKTYPE_RAW, 0),
      ],
      0,
    ],
    ['nothing behind the end of options', write.statistics(0, [[0, []], drops(5, 7)]), 0],
  ])('counts %s', (_what, blocks, lost) => {
    expect(read([...opened, ...blocks])).toMatchObject({ lost, cutShort: false });
  });

  it('adds what other interfaces and other sections lost', () => {
    const two = [...opened, ...write.interface(LINKTYPE_RAW, 0)];
    const each = [0, 1].flatMap((id) => write.statistics(id, [drops(INTERFACE_DROPS, 4)]));
    expect(read([...two, ...each]).lost).toBe(8);
    expect(read([...two, ...each, ...two, ...each]).lost).toBe(16);
  });

  it('knows the direction that a packet’s flags tell', () => {
    const flags = (value: number) => [[FLAGS, num(value, 4, write.little)]] as const;
    const packets = [0, 1, 2, 3, 0x1d].flatMap((value) => {
      return write.enhanced(0, 1n, FRAME, flags(value));
    });
    const { sides } = read([...opened, ...packets, ...write.enhanced(0, 1n, FRAME)]);
    const none = SIDE_UNKNOWN;
    expect(sides).toEqual([none, SIDE_IN, SIDE_OUT, none, SIDE_IN, none]);
  });

  it('steps over names, comments and blocks of others', () => {
    const others = [
      ...write.block(NAMES, [...num(1, 2, write.little), 0, 0]),
      ...write.block(0x0bad, [1, 2, 3, 4, 5, 6, 7]),
      ...write.enhanced(0, 1n, FRAME, [[1, [...Buffer.from('a comment')]]]),
    ];
    expect(read([...opened, ...others])).toMatchObject({ sides: [SIDE_UNKNOWN], cutShort: false });
  });
});

describe('cooked captures', () => {
  const write = new BlockWriter(true);

  it.each([
    ['to us', 0, SIDE_IN],
    ['to all', 1, SIDE_IN],
    ['to several', 2, SIDE_IN],
    ['to others', 3, SIDE_UNKNOWN],
    ['from us', 4, SIDE_OUT],
  ])('say of a packet %s where it went', (_what, type, side) => {
    const one = [0, type, 0, 1, 0, 6, ...Array<number>(8).fill(2), 8, 0];
    const two = [8, 0, 0, 0, 0, 0, 0, 1, 0, 1, type, 6, ...Array<number>(8).fill(2)];
    const sides = [[LINKTYPE_LINUX_SLL, one] as const, [LINKTYPE_LINUX_SLL2, two] as const].flatMap(
      ([linkType, head]) => {
        const packet = write.enhanced(0, 1n, [...head, ...FRAME]);
        return read([...write.section(), ...write.interface(linkType, 0), ...packet]).sides;
      },
    );
    expect(sides).toEqual([side, side]);
  });
});

it('what was lost stands in the report', async () => {
  const write = new BlockWriter(true);
  const bytes = Uint8Array.from([
    ...write.section(),
    ...write.interface(LINKTYPE_RAW, 0),
    ...write.enhanced(0, 1n, FRAME),
    ...write.statistics(0, [write.count(INTERFACE_DROPS, 41)]),
  ]);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  const outcome = await diagnoseStream('x', pieces());
  expect(outcome).toMatchObject({ report: { input: { tolerated: { [LOST]: 41 } } } });
});
