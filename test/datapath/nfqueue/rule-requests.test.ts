/** Requests for per-flow rules: order within a flow, none between flows. */
import { describe, expect, test } from 'vitest';
import { RuleRequests } from '../../../src/datapath/nfqueue/rule-requests.ts';
import type { FlowAddress } from '../../../src/telemetry/flow-address.ts';

const flowTo = (farPort: number): FlowAddress => ({
  family: 4,
  nearAddr: '10.0.0.1',
  nearPort: 1,
  farAddr: '10.0.0.2',
  farPort,
});

/** An installer whose work ends when the test says so. */
class SlowRules {
  readonly log: string[] = [];
  private readonly open = new Map<string, (ok: boolean) => void>();

  readonly install = (add: boolean, flow: FlowAddress): Promise<boolean> => {
    const name = `${add ? 'add' : 'del'} ${flow.farPort}`;
    this.log.push(name);
    return new Promise((resolve) => this.open.set(name, resolve));
  };

  async finish(name: string, ok = true): Promise<void> {
    this.open.get(name)?.(ok);
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }
}

describe('RuleRequests', () => {
  test('a removal never overtakes the installation before it', async () => {
    const rules = new SlowRules();
    const requests = new RuleRequests(rules.install);
    const answers: string[] = [];
    requests.request(1, true, flowTo(1), (ok) => answers.push(`add ${ok}`));
    requests.request(1, false, flowTo(1), (ok) => answers.push(`del ${ok}`));
    expect(rules.log).toEqual(['add 1']);
    await rules.finish('add 1');
    expect(rules.log).toEqual(['add 1', 'del 1']);
    expect(answers).toEqual(['add true']);
    await rules.finish('del 1');
    expect(answers).toEqual(['add true', 'del true']);
  });

  test('flows do not wait for one another, and begin at once', () => {
    const rules = new SlowRules();
    const requests = new RuleRequests(rules.install);
    requests.request(1, true, flowTo(1), () => {});
    requests.request(2, true, flowTo(2), () => {});
    expect(rules.log).toEqual(['add 1', 'add 2']);
  });

  test('what fails is answered, and the next one begins all the same', async () => {
    const requests = new RuleRequests((add) =>
      add ? Promise.reject(new Error('no iptables')) : Promise.resolve(true),
    );
    const answers: boolean[] = [];
    requests.request(1, true, flowTo(1), (ok) => answers.push(ok));
    requests.request(1, false, flowTo(1), (ok) => answers.push(ok));
    await requests.settled();
    expect(answers).toEqual([false, true]);
  });

  test('settled() waits for all that was asked', async () => {
    const rules = new SlowRules();
    const requests = new RuleRequests(rules.install);
    let settled = false;
    requests.request(1, true, flowTo(1), () => {});
    requests.request(1, false, flowTo(1), () => {});
    const waiting = requests.settled().then(() => {
      settled = true;
    });
    await rules.finish('add 1');
    expect(settled).toBe(false);
    await rules.finish('del 1');
    await waiting;
    expect(settled).toBe(true);
  });
});
