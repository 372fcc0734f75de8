/**
 * Reads the text format of Prometheus, and refuses what promtool would: samples before their TYPE,
 * names and labels that are none, counters that do not end with _total, histograms that do not add
 * up. For tests.
 */
export interface ExposedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = '[a-zA-Z_][a-zA-Z0-9_]*';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL = new RegExp(`^(${NAME})="((?:[^"\\\\\\n]|\\\\["\\\\n])*)"(?:,|$)`);

export function readExposition(text: string): readonly ExposedSample[] {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const types = new Map<string, string>();
  const helps = new Set<string>();
  const seen = new Set<string>();
  const samples: ExposedSample[] = [];
  for (const line of text.split('\n')) {
    const [, kind, named = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (kind === 'HELP') helps.add(named);
    else if (kind === 'TYPE') {
      if (types.has(named) || !helps.has(named)) throw new Error(`TYPE of ${named} is misplaced`);
      types.set(named, rest);
    } else if (line !== '') {
      const sample = readSample(line);
      judge(sample, types);
      if (seen.has(line.slice(0, line.lastIndexOf(' ')))) throw new Error(`twice: ${line}`);
      seen.add(line.slice(0, line.lastIndexOf(' ')));
      samples.push(sample);
    }
  }
  for (const [name, type] of types) if (type === 'histogram') addUp(name, samples);
  return samples;
}

function readSample(line: string): ExposedSample {
  const [, name = '', labelled = '', written = ''] = SAMPLE.exec(line) ?? [];
  if (name === '') throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  for (let rest = labelled; rest !== ''; ) {
    const [whole = '', label = '', value = ''] = LABEL.exec(rest) ?? [];
    if (whole === '' || label in labels) throw new Error(`labels: ${line}`);
    labels[label] = value;
    rest = rest.slice(whole.length);
  }
  const value = Number(written.replace('+Inf', 'Infinity'));
  if (Number.isNaN(value)) throw new Error(`value: ${line}`);
  return { name, labels, value };
}

function judge({ name, labels, value }: ExposedSample, types: ReadonlyMap<string, string>): void {
  const family = types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
  const type = types.get(family);
  if (type === undefined) throw new Error(`${name} has no TYPE before it`);
  if ((type === 'histogram') === (family === name)) throw new Error(`${name} is no ${type}`);
  if ((type === 'counter') !== name.endsWith('_total')) throw new Error(`${name} is a ${type}`);
  if (type !== 'gauge' && value < 0) throw new Error(`${name} is negative`);
  if ('le' in labels !== name.endsWith('_bucket')) throw new Error(`le: ${name}`);
}

function addUp(family: string, samples: readonly ExposedSample[]): void {
  const of = (suffix: string) => samples.filter(({ name }) => name === `${family}_${suffix}`);
  const buckets = of('bucket');
  const bounds = buckets.map(({ labels }) => Number(labels['le']?.replace('+Inf', 'Infinity')));
  const rises = (values: readonly number[], strictly: boolean) =>
    values.every((value, i) => {
      const last = values[i - 1] ?? -1;
      return strictly ? value > last : value >= last;
    });
  const counts = buckets.map(({ value }) => value);
  if (!rises(bounds, true) || !rises(counts, false)) throw new Error(`${family} does not rise`);
  if (bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new Error(`${family} has no +Inf`);
  if (of('count')[0]?.value !== counts.at(-1)) throw new Error(`${family} does not add up`);
  if (of('sum').length !== 1) throw new Error(`${family} has no sum`);
}
