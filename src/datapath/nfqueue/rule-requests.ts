/**
 * Passes the engine's requests for per-flow rules on, one at a time for each flow, so that a
 * removal never overtakes the installation before it. Owns the queue of what is under way.
 */
import type { FlowAddress } from '../../telemetry/flow-address.ts';

export type InstallFlowRule = (add: boolean, flow: FlowAddress) => Promise<boolean>;

export class RuleRequests {
  private readonly install: InstallFlowRule;
  private readonly underWay = new Map<number, Promise<void>>();

  constructor(install: InstallFlowRule) {
    this.install = install;
  }

  /** `row` is the flow's; `done` hears whether the rule stands (or is gone). */
  request(row: number, add: boolean, flow: FlowAddress, done: (ok: boolean) => void): void {
    const before = this.underWay.get(row);
    // With nothing before it the request starts now, so that those of one drain can be batched.
    const run =
      before === undefined
        ? this.run(add, flow, done)
        : before.then(() => this.run(add, flow, done));
    const entry = run.finally(() => {
      if (this.underWay.get(row) === entry) this.underWay.delete(row);
    });
    this.underWay.set(row, entry);
  }

  /** When everything asked for so far is done. */
  async settled(): Promise<void> {
    await Promise.all(this.underWay.values());
  }

  private async run(add: boolean, flow: FlowAddress, done: (ok: boolean) => void): Promise<void> {
    let ok = false;
    try {
      ok = await this.install(add, flow);
    } catch {
      // The engine does without: the flow is not re-anchored. The rule book has said why.
    }
    done(ok);
  }
}
