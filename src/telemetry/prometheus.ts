/**
 * The metrics in the text format of Prometheus, by prom-client: this file is loaded when somebody
 * asks for metrics, and it alone loads prom-client. Owns the registry.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import { LATENCY_BOUNDS_US, METRICS, type MetricEntry, type Snapshot } from './metrics.ts';

export class Prometheus {
  private readonly registry = new Registry();
  private readonly take: () => Snapshot;
  private snapshot: Snapshot | undefined;

  constructor(take: () => Snapshot) {
    this.take = take;
    for (const entry of METRICS) this.register(entry);
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** All metrics of one moment. */
  async text(): Promise<string> {
    this.snapshot = this.take();
    return this.registry.metrics();
  }

  private register(entry: MetricEntry): void {
    const { name, help, read } = entry;
    const common = { name, help, labelNames: [...entry.labels], registers: [this.registry] };
    const samples = () => (this.snapshot === undefined ? [] : read(this.snapshot));
    if (entry.type === 'counter') {
      new Counter({
        ...common,
        collect() {
          this.reset();
          for (const { labels, value } of samples()) this.inc(labels, value);
        },
      });
    } else if (entry.type === 'gauge') {
      new Gauge({
        ...common,
        collect() {
          this.reset();
          for (const { labels, value } of samples()) this.set(labels, value);
        },
      });
    } else {
      new CountedHistogram(name, help, this.registry, () => this.snapshot);
    }
  }
}

/**
 * Counted already: prom-client's own histogram can only be told one observation at a time. Of a
 * gauge the registry asks `get` alone, and prints what that says.
 */
class CountedHistogram extends Gauge {
  private readonly taken: () => Snapshot | undefined;
  private readonly title: string;

  constructor(name: string, help: string, registry: Registry, taken: () => Snapshot | undefined) {
    super({ name, help, registers: [registry] });
    this.taken = taken;
    this.title = name;
  }

  override async get() {
    const described = await super.get();
    const { count, sum, below } = this.taken()?.latency ?? { count: 0, sum: 0, below: [] };
    const bucket = (le: number | string, value: number) => ({
      metricName: `${this.title}_bucket`,
      labels: { le },
      value,
    });
    const values = [
      ...LATENCY_BOUNDS_US.map((us, i) => bucket(us / 1e6, below[i] ?? 0)),
      bucket('+Inf', count),
      { metricName: `${this.title}_sum`, labels: {}, value: sum / 1e6 },
      { metricName: `${this.title}_count`, labels: {}, value: count },
    ];
    // Its type is a word when it is printed, and an enumeration to the compiler.
    const type = 'histogram' as unknown as typeof described.type;
    return { ...described, type, values };
  }
}
