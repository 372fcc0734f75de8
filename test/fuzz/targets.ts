/** Everything that `npm run fuzz` knows, in the order in which it is fuzzed. */
import type { Target } from './target.ts';
import { both } from './targets/both.ts';
import { capture } from './targets/capture.ts';
import { config } from './targets/config.ts';
import { control } from './targets/control.ts';
import { engine } from './targets/engine.ts';
import { findings } from './targets/findings.ts';
import { flags } from './targets/flags.ts';
import { sshDebug } from './targets/ssh-debug.ts';
import { state } from './targets/state.ts';
import { tcpdump } from './targets/tcpdump.ts';
import { wire } from './targets/wire.ts';

export const TARGETS: readonly Target[] = [
  engine,
  wire,
  capture,
  findings,
  tcpdump,
  sshDebug,
  both,
  control,
  config,
  flags,
  state,
];

export function targetNamed(name: string): Target | undefined {
  return TARGETS.find((target) => target.name === name);
}
