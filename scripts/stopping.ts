// Handles Ctrl-C, SIGTERM and a closed terminal. The first signal stops the program in order, a later one ends it at once. In
// both cases it leaves no server running that it has started.
import { endAll } from '../infra/engines/ending.js';

/**
 * Signals this soon after the first are copies of it: a terminal signals all of its programs, and npm forwards the signal to its
 * own.
 */
const SAME_SIGNAL_MS = 1_000;

/** Interval of the checks whether npm, which started this program, still runs. */
const PARENT_POLL_MS = 500;

/** Exit code of a program that Ctrl-C has ended, as shells report it. */
const INTERRUPTED = 130;

const stop = new AbortController();
let firstAt: number | undefined;
/** True if the command stops by itself, in order. Other commands end at the first signal. */
let isInOrder = false;
let isEnding = false;

/** Called once, when the program starts. */
export function handleSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, requestStop);
  if (process.env.npm_lifecycle_event !== undefined) watchParent();
}

/** Aborts when the program is asked to stop. A command that calls this must end soon after that. */
export function stopSignal(): AbortSignal {
  isInOrder = true;
  return stop.signal;
}

/** Called when nobody reads the output any more. Stops commands that run until they are stopped. Other commands finish. */
export function stopUnheard(): void {
  if (isInOrder) stop.abort();
}

function requestStop(): void {
  firstAt ??= performance.now();
  stop.abort();
  if (!isInOrder || performance.now() - firstAt > SAME_SIGNAL_MS) void endNow();
}

async function endNow(): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  await endAll();
  process.exit(INTERRUPTED);
}

/** A killed npm forwards no signal, so this program stops when its parent has changed. */
function watchParent(): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    requestStop();
  }, PARENT_POLL_MS);
  timer.unref();
}
