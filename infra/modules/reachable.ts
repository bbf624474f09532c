// Engines that do not answer: at start the program names them with their address and retries; later /readyz reports them.
import { setTimeout as delay } from 'node:timers/promises';

export interface Engine {
  name: string;
  /** Contains no secrets. */
  address: string;
  /** Resolves if the engine answers. */
  ping(): Promise<unknown>;
}

/** An engine that does not answer within this time counts as away. */
export const PING_TIMEOUT_MS = 2_000;
const RETRY_EVERY_MS = 2_000;

/** Resolves once the engine answers, and reports each failed attempt. Rejects with the signal's reason. */
export async function untilReachable(
  { name, address, ping }: Engine,
  say: (message: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const problem = await problemOf(ping);
    signal.throwIfAborted();
    if (problem === undefined) return;
    say(`${name} at ${address} does not answer (${problem}); trying again every ${RETRY_EVERY_MS / 1000} s.`);
    await delay(RETRY_EVERY_MS, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
  }
}

/** Names of the engines that do not answer now. */
export async function enginesAway(engines: readonly Engine[]): Promise<string[]> {
  const problems = await Promise.all(engines.map(({ ping }) => problemOf(ping)));
  return engines.filter((_, index) => problems[index] !== undefined).map(({ name }) => name);
}

/** Host, port and path of a URL, without user and password. */
export function addressOf(url: string): string {
  const { host, pathname } = new URL(url);
  return host + (pathname === '/' ? '' : pathname);
}

async function problemOf(ping: Engine['ping']): Promise<string | undefined> {
  const timeout = delay(PING_TIMEOUT_MS, 'timeout', { ref: false });
  try {
    return (await Promise.race([ping().then(() => 'answered'), timeout])) === 'timeout'
      ? `no answer within ${PING_TIMEOUT_MS / 1000} s`
      : undefined;
  } catch (error) {
    const { message, code } = error as { message?: string; code?: string };
    return message || code || String(error);
  }
}
