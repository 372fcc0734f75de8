/**
 * Real traffic on a real wire: nothing, connection tracking alone (any host with a stateful
 * firewall has it), libnetfilter_queue's C example (behind the two barest rules, and behind ours),
 * a packaged binding, two terminating proxies that one might try instead, and `seqshim run`, full
 * and auto, turn and turn about in the same two namespaces.
 * Prints medians, spread, and the ratios of runs that stood next to each other in time, each with
 * its 95 % interval.
 *
 *   node bench/live.mjs [--quick] [--json] [--rounds N] [--only VARIANT,...]
 *
 * Needs root, iperf3, gcc, iptables, libnetfilter-queue-dev and dist/; ruby-nfqueue, haproxy and
 * socat if they are to be in the table. Owns its namespaces, rules, processes and a scratch
 * directory, and removes them on every way out. Mbit/s, microseconds, CPU-seconds per GB.
 */
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { LiveLab, whatIsMissing } from './live-lab.mjs';
import { programExists } from './spaces.mjs';
import { median, ranged, ratios, spread } from './statistics.mjs';

const ROUNDS = 15;
const FULL = { seconds: 2, warmUpSeconds: 1, pingRounds: 8000, connectMs: 1000 };
/** iperf3 takes 0.5 for 0, which is for ever: whole seconds. */
const QUICK = { seconds: 1, warmUpSeconds: 0, pingRounds: 1000, connectMs: 200 };

/** What stands in the path, and the program that it needs beyond the bench's own. */
const VARIANTS = {
  none: undefined,
  conntrack: undefined,
  'c-example': undefined,
  'c-same-rules': undefined,
  'ruby-nfqueue': 'ruby',
  haproxy: 'haproxy',
  socat: 'socat',
  seqshim: undefined,
  auto: undefined,
};
const METRICS = ['up', 'down', 'p50', 'p99', 'connects', 'coldConnects', 'cpuUp', 'cpuDown'];
/** Which ratios are promised: of whom, against whom. */
const PAIRS = [
  ['auto', 'none'],
  ['auto', 'conntrack'],
  ['conntrack', 'none'],
  ['seqshim', 'none'],
  ['seqshim', 'c-example'],
  ['seqshim', 'c-same-rules'],
  ['c-same-rules', 'c-example'],
  ['seqshim', 'ruby-nfqueue'],
  ['auto', 'haproxy'],
  ['auto', 'socat'],
];

export async function benchLive({ quick = false, rounds = quick ? 1 : ROUNDS, only } = {}) {
  const missing = whatIsMissing();
  if (missing !== '') return { skipped: missing };
  const variants = Object.keys(VARIANTS).filter(
    (name) => only === undefined || only.includes(name),
  );
  const present = variants.filter(
    (name) => VARIANTS[name] === undefined || programExists(VARIANTS[name]),
  );
  const lab = new LiveLab(quick ? QUICK : FULL);
  const onSignal = () => {
    lab.close();
    process.exit(130);
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const seen = Object.fromEntries(present.map((variant) => [variant, []]));
  try {
    lab.open();
    await lab.serve();
    for (let round = 0; round < rounds; round++) {
      // Another one begins each round: what warms up or throttles hits all alike.
      for (let i = 0; i < present.length; i++) {
        const variant = present[(i + round) % present.length];
        seen[variant].push(await lab.measure(variant));
      }
    }
  } finally {
    lab.close();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
  const absent = variants.filter((name) => !present.includes(name));
  const { congestionControl: control, ended } = lab;
  return { kernel: release(), control, absent, ended, ...summarize(seen) };
}

function summarize(seen) {
  const figures = {};
  for (const [variant, rows] of Object.entries(seen)) {
    figures[variant] = {};
    for (const metric of METRICS) {
      const values = rows.map((row) => row[metric]);
      figures[variant][metric] = { median: median(values), spread: spread(values) };
    }
  }
  const pairs = PAIRS.filter(([one, other]) => one in seen && other in seen).map(([one, other]) => {
    const ratio = METRICS.map((metric) => [metric, ratios(seen[one], seen[other], metric)]);
    return { one, other, ratio: Object.fromEntries(ratio) };
  });
  return { rounds: Object.values(seen)[0].length, figures, pairs };
}

const TITLES = {
  up: 'up Mbit/s',
  down: 'down Mbit/s',
  p50: 'p50 us',
  p99: 'p99 us',
  connects: 'connections/s',
  coldConnects: 'in the first s',
  cpuUp: 'CPU-s/GB up',
  cpuDown: 'CPU-s/GB down',
};
const DIGITS = {
  up: 0,
  down: 0,
  p50: 1,
  p99: 1,
  connects: 0,
  coldConnects: 0,
  cpuUp: 2,
  cpuDown: 2,
};

export function printLive(result) {
  if (result.skipped !== undefined) {
    console.log(`live: not run, ${result.skipped}`);
    return;
  }
  const { kernel, control, rounds, absent, ended } = result;
  console.log(`live: ${rounds} rounds, ${control}, Linux ${kernel}, Node ${process.version}`);
  const line = (name, cells) =>
    console.log(name.padEnd(24) + cells.map((text) => text.padStart(20)).join(''));
  line('median (spread)', Object.values(TITLES));
  for (const [variant, row] of Object.entries(result.figures)) {
    const cells = METRICS.map((metric) =>
      ranged(row[metric].median, row[metric].spread, DIGITS[metric]),
    );
    line(variant, cells);
  }
  line('ratio (95 %)', Object.values(TITLES));
  for (const { one, other, ratio } of result.pairs) {
    const cells = METRICS.map((metric) => ranged(ratio[metric].median, ratio[metric].interval, 2));
    line(`${one} / ${other}`, cells);
  }
  for (const [variant, count] of Object.entries(ended)) {
    console.log(`${variant} ended in ${count} of ${rounds} rounds: from then on the path was bare`);
  }
  if (absent.length > 0) console.log(`not installed, so not measured: ${absent.join(', ')}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const optionOf = (name) => {
    const at = process.argv.indexOf(name);
    return at < 0 ? undefined : process.argv[at + 1];
  };
  const rounds = optionOf('--rounds');
  const result = await benchLive({
    quick: process.argv.includes('--quick'),
    ...(rounds === undefined ? {} : { rounds: Number(rounds) }),
    only: optionOf('--only')?.split(','),
  });
  if (process.argv.includes('--json')) console.log(JSON.stringify(result));
  else printLive(result);
}
