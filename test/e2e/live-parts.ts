/**
 * Opens the parts of a live test and always closes them again: lab, faulty path, shim. Owns nothing
 * that outlives the call. Times: ms.
 */
import { FaultyPath } from '../../src/testbed/faulty-path.ts';
import type { CompositionInput } from '../../src/testbed/firewall/behaviour.ts';
import type { Fault } from '../../src/testbed/firewall/fault.ts';
import { Lab } from '../../src/testbed/lab.ts';
import { ShimProcess } from '../../src/testbed/shim-process.ts';

export async function withLab<T>(
  work: (lab: Lab) => Promise<T>,
  options: { readonly gateway?: boolean } = {},
): Promise<T> {
  const lab = await Lab.open(options);
  try {
    return await work(lab);
  } finally {
    await lab.close();
  }
}

export async function withFault<T>(
  lab: Lab,
  fault: Partial<Fault> | CompositionInput,
  work: (path: FaultyPath) => Promise<T>,
): Promise<T> {
  const path = await FaultyPath.open(lab, fault);
  try {
    return await work(path);
  } finally {
    await path.close();
  }
}

export async function withShim<T>(
  lab: Lab,
  work: (shim: ShimProcess) => Promise<T>,
  extra: readonly string[] = [],
): Promise<T> {
  const shim = await ShimProcess.open(lab, extra);
  try {
    return await work(shim);
  } finally {
    await shim.stop();
  }
}
