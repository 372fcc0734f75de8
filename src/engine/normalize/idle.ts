// @pathology idle-drop | RFC 9293 §3.8.4, RFC 5382 REQ-5 | keep-alives to the server, or a reset to the near end | `--idle-action`
/**
 * Something on the path forgets connections that say nothing, and tells nobody: the next words of
 * the near end are dropped, and ssh hangs. Who asks in time (`keepalive`) is not forgotten; who is
 * found dead while others live is ended towards the near end (`reset`), so that the next ssh opens
 * afresh; and `forget` leaves everybody alone, and only says what it saw.
 *
 * Here: which flows are idle. A few rows in each turn; of flows that are settled the socket knows
 * when they spoke last. Of settled flows that are forwarded, and of those that conntrack
 * translates, nobody does: they are left alone. Owns `core.swept…`. Times: ms. DESIGN §4.7.
 */
import { KEEPALIVE_SENT } from '../codes.ts';
import { type Core, farHalf, flagsOf, nearHalf, since, would } from '../core.ts';
import {
  FLOW_ANCHORED,
  FLOW_FORWARDED,
  FLOW_KERNEL,
  FLOW_MOVING,
  FLOW_NUMBERS_OLD,
  FLOW_OVER,
  FLOW_PROVEN,
  FLOW_ROW_WORDS,
  FLOW_SETTLED,
  FLOW_UNTOUCHED,
  INDEX_HIGH,
  INDEX_SWEPT_AT,
  INDEX_SWEPT_MS,
  LAST_MS,
  REPAIR,
  SND_NXT,
  SND_UNA,
  ST_ESTABLISHED,
  STATE,
} from '../flow/layout.ts';
import { IDLE_AFTER_MIN_MS } from '../limits.ts';
import { IDLE_FORGET, POLICY_IDLE, POLICY_OBSERVE } from '../memory.ts';
import { idleAfterMs, idleFloorMs, silentFor } from './idle-limit.ts';
import { beginKeepAlive } from './idle-watch.ts';

const TURN_MS = 100;
/**
 * 65,536 flows are gone through in seven seconds; where many are silent for longer than the
 * shortest time that any path has, in half a minute: looking up the path costs most. A turn takes
 * 47 µs then, and 110 µs with lookups (65,536 flows, a 2-core machine with other work).
 */
const ROWS_A_TURN = 1024;
const LOOKUPS_A_TURN = 256;

const LIVE = FLOW_ANCHORED | FLOW_PROVEN;
const NEVER =
  FLOW_UNTOUCHED | FLOW_OVER | FLOW_KERNEL | FLOW_MOVING | FLOW_NUMBERS_OLD | FLOW_FORWARDED;

/** Looks for idle flows among the next rows. */
export function keepIdle(core: Core): void {
  if (core.policy[POLICY_IDLE] === IDLE_FORGET) return;
  if (since(core.nowMs, core.flows.index[INDEX_SWEPT_MS]!) < TURN_MS) return;
  core.flows.index[INDEX_SWEPT_MS] = core.nowMs;
  const floorMs = idleFloorMs(core);
  if (floorMs === 0) return;
  const rows = core.flows.rows;
  const high = core.flows.index[INDEX_HIGH]!;
  const rowCount = high < ROWS_A_TURN ? high : ROWS_A_TURN;
  let lookups = 0;
  for (let i = 0; i < rowCount && lookups < LOOKUPS_A_TURN; i++) {
    const next = core.flows.index[INDEX_SWEPT_AT]! + 1;
    const flow = next < high ? next : 0;
    core.flows.index[INDEX_SWEPT_AT] = flow;
    if ((flagsOf(core, flow) & (LIVE | NEVER)) !== LIVE) continue;
    const quietMs = since(core.nowMs, rows[flow * FLOW_ROW_WORDS + LAST_MS]!);
    if (quietMs < floorMs || !mayAsk(core, flow)) continue;
    lookups++;
    considerIdle(core, flow, silentFor(core, flow));
  }
}

/** The socket of a settled flow has told how long nobody has said anything. */
export function settledIdle(core: Core, flow: number, quietMs: number): void {
  if (core.policy[POLICY_IDLE] === IDLE_FORGET || quietMs < IDLE_AFTER_MIN_MS) return;
  const flags = flagsOf(core, flow);
  if ((flags & (LIVE | FLOW_SETTLED | (NEVER & ~FLOW_NUMBERS_OLD))) !== (LIVE | FLOW_SETTLED)) {
    return;
  }
  if (mayAsk(core, flow)) considerIdle(core, flow, quietMs);
}

/** Both ends are there, nothing is under way, and nobody has been asked in vain already. */
function mayAsk(core: Core, flow: number): boolean {
  if (core.flows.rows[flow * FLOW_ROW_WORDS + REPAIR] !== 0) return false;
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  if (halves[near + STATE] !== ST_ESTABLISHED) return false;
  if (halves[farHalf(core, flow) + STATE] !== ST_ESTABLISHED) return false;
  if (halves[near + SND_UNA] !== halves[near + SND_NXT]) return false;
  if (!core.silences.isStopped(flow)) return true;
  if (core.silences.isTold(flow)) return false;
  return core.destinations.othersLive(flow, core.silences.stoppedMs(flow));
}

function considerIdle(core: Core, flow: number, silentMs: number): void {
  const afterMs = idleAfterMs(core, flow);
  if (afterMs === 0 || silentMs < afterMs) return;
  if (core.policy[POLICY_OBSERVE] === 0) {
    beginKeepAlive(core, flow, silentMs);
  } else {
    would(core, KEEPALIVE_SENT);
    core.silences.stop(flow, core.nowMs, true); // once for each silence
  }
}
