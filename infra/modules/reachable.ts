// Engines that do not answer: at start the program names them with their address and retries; later /readyz reports them.
import { setTimeout as delay } from 'node:timers/promises';
import { Unavailable } from '../../domain/kernel/errors.js';

export interface Engine {
  name: string;
  /** Contains no secrets. */
  address: string;
  /**
   * What does not work without it: `commands` (the process cannot serve), or the queries of some `read models` and what needs
   * them.
   */
  serves: 'commands' | 'read models';
  /** Resolves if the engine answers, even if our data is not there yet. */
  ping(): Promise<unknown>;
  /** A cheap read of our own data, with actions that the product needs anyway. It has a time limit of its own. */
  check(): Promise<unknown>;
}

/** An engine that does not answer within this time counts as away. */
export const PING_TIMEOUT_MS = 2_000;
const RETRY_EVERY_MS = 2_000;

/** Requests for the health share the result of a check for this long. */
const CHECK_EVERY_MS = 1_000;

/** Resolves once the engine answers, and reports each failed attempt. Rejects with the signal's reason. */
export async function untilReachable(
  { name, address, ping }: Engine,
  say: (message: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const problem = await problemOf(ping());
    signal.throwIfAborted();
    if (problem === undefined) return;
    say(`${name} at ${address} does not answer (${problem}); trying again every ${RETRY_EVERY_MS / 1000} s.`);
    await delay(RETRY_EVERY_MS, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
  }
}

/** Rejects with `Unavailable` unless the engine answers within `PING_TIMEOUT_MS`. */
export async function requireAnswer({ name, address, ping }: Engine): Promise<void> {
  const problem = await problemOf(ping());
  if (problem !== undefined) throw new Unavailable(name, `${address} does not answer (${problem})`);
}

/** Names of the engines that do not answer now. However many callers ask, each engine gets at most one check a second. */
export function createHealth(
  engines: readonly Engine[],
  monotonic: () => number = () => performance.now(),
): () => Promise<{ commands: string[]; readModels: string[] }> {
  const checks = engines.map((engine) => shared(engine, monotonic));
  return async () => {
    const problems = await Promise.all(checks.map((check) => check()));
    const away = engines.filter((_, index) => problems[index] !== undefined);
    const namesOf = (part: Engine['serves']) => away.filter(({ serves }) => serves === part).map(({ name }) => name);
    return { commands: namesOf('commands'), readModels: namesOf('read models') };
  };
}

/** The result of the last check. A new one begins once the last one has ended and is old enough, so no two run at a time. */
function shared({ check }: Engine, monotonic: () => number): () => Promise<string | undefined> {
  let last: { begunAt: number; isOver: boolean; problem: Promise<string | undefined> } | undefined;
  return () => {
    if (last && (!last.isOver || monotonic() - last.begunAt < CHECK_EVERY_MS)) return last.problem;
    const answer = check();
    const begun = { begunAt: monotonic(), isOver: false, problem: problemOf(answer) };
    const end = () => {
      begun.isOver = true;
    };
    answer.then(end, end);
    last = begun;
    return begun.problem;
  };
}

/** Host, port and path of a URL, without user and password. */
export function addressOf(url: string): string {
  const { host, pathname } = new URL(url);
  return host + (pathname === '/' ? '' : pathname);
}

async function problemOf(answer: Promise<unknown>): Promise<string | undefined> {
  const timeout = delay(PING_TIMEOUT_MS, 'timeout', { ref: false });
  try {
    return (await Promise.race([answer.then(() => 'answered'), timeout])) === 'timeout'
      ? `no answer within ${PING_TIMEOUT_MS / 1000} s`
      : undefined;
  } catch (error) {
    const { message, code } = error as { message?: string; code?: string };
    return message || code || String(error);
  }
}
