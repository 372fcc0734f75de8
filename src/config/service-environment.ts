/**
 * What a service manager says in the environment (sd_notify(3), sd_watchdog_enabled(3)). Without
 * one, or with what is not meant for this process, nothing. Owns nothing. Times: ms.
 */
export interface ServiceEnvironment {
  /** A path, or `@` and an abstract name; empty: nobody wants to know. */
  readonly notifySocket: string;
  /** It kills who is silent for this long; 0: it does not. */
  readonly watchdogMs: number;
}

export function serviceEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
  pid: number = process.pid,
): ServiceEnvironment {
  const address = env['NOTIFY_SOCKET'] ?? '';
  const meant = [undefined, String(pid)].includes(env['WATCHDOG_PID']);
  const usec = meant ? Number(env['WATCHDOG_USEC'] ?? '0') : 0;
  return {
    // Others (vsock:…) belong to virtual machines.
    notifySocket: /^[/@]./.test(address) ? address : '',
    watchdogMs: Number.isSafeInteger(usec) && usec > 0 ? usec / 1000 : 0,
  };
}
