/**
 * A shim that runs in this network namespace, as a probe has to know it: whether there is one, by
 * what program its rules were made, whether it looks after the target. Asks its control socket.
 * Owns the errors of whoever wants to compare with it.
 */
import { OperatorError } from '../config/errors.ts';
import { EXIT_NOT_RUNNING, EXIT_USAGE } from '../config/exit-codes.ts';
import { takeLock } from '../datapath/instance-lock.ts';
import type { RuleProgram } from '../datapath/probe/bare-rule.ts';
import { ask } from '../telemetry/control-client.ts';
import { endpoint } from '../telemetry/event-log.ts';
import type { FlowView } from '../telemetry/flow-view.ts';
import type { Status } from '../telemetry/status.ts';
import type { Target } from './target.ts';

export interface ShimBeside {
  readonly pid: number;
  readonly control: string;
  readonly mode: string;
  readonly targets: readonly string[];
  /** Undefined: it has put no rules in. */
  readonly rules: RuleProgram | undefined;
}

/** Undefined: none runs here. One that cannot be asked is an error: it could be in the way. */
export async function findShim(control: string): Promise<ShimBeside | undefined> {
  const lock = await takeLock();
  if ('release' in lock) {
    lock.release();
    return undefined;
  }
  const status = (await ask(control, { op: 'status' })) as Status;
  const { backend } = status.rules;
  const rules = backend === 'nft' || backend === 'iptables' ? backend : undefined;
  return { pid: status.pid, control, mode: status.mode, targets: status.targets, rules };
}

/** For `--compare`. */
export function demandShim(shim: ShimBeside | undefined): ShimBeside {
  if (shim === undefined) {
    throw new OperatorError(
      'Cannot compare: no shim is running here. Start it with seqshim run, or leave out --compare',
      EXIT_NOT_RUNNING,
    );
  }
  if (shim.mode !== 'enforce') {
    throw new OperatorError(
      `Cannot compare: the shim (pid ${shim.pid}) only observes. Run it with --mode enforce, ` +
        'or leave out --compare',
      EXIT_USAGE,
    );
  }
  return shim;
}

/** Has it seen the connection that was just made? Nothing else proves that it was with the shim. */
export async function demandSeen(
  shim: ShimBeside,
  { address, port }: Target,
  localAddress: string,
  localPort: number,
): Promise<void> {
  const near = endpoint(localAddress, localPort);
  const far = endpoint(address, port);
  const knows = async (all: boolean) => {
    const answer = await ask(shim.control, { op: 'flows', all });
    const flows = answer['flows'] as readonly FlowView[];
    if (flows.some((flow) => flow.near === near && flow.far === far)) return 'yes';
    return Number(answer['total']) > flows.length ? 'perhaps' : 'no';
  };
  if ((await knows(false)) === 'yes' || (await knows(true)) === 'yes') return;
  throw new OperatorError(
    `Cannot compare: the shim (pid ${shim.pid}) does not look after ${far}; its targets are ` +
      `${shim.targets.join(', ')}. See --target, --exclude and --port of seqshim run`,
    EXIT_USAGE,
  );
}
