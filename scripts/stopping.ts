// Ctrl-C, SIGTERM and a terminal that closes: the first signal asks the program to stop in order, a later one to end at once.
// Either way no server that it has started stays behind.
import { endAll } from '../infra/engines/ending.js';

/** What comes so soon after the first signal is the same one: a terminal tells all of its programs, and npm tells its own again. */
const SAME_SIGNAL_MS = 1_000;

/** How often it is looked whether npm, which started this program, is still there. */
const PARENT_POLL_MS = 500;

/** As shells report a program that Ctrl-C has ended. */
const INTERRUPTED = 130;

const stop = new AbortController();
let firstAt: number | undefined;
/** Whether a command stops by itself, in order; any other ends at the first signal. */
let isInOrder = false;
let isEnding = false;

/** Once, when the program starts. */
export function heedSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, requestStop);
  if (process.env.npm_lifecycle_event !== undefined) heedParent();
}

/** Aborts when the program is asked to stop. Who asks for it promises to end soon after that. */
export function stopSignal(): AbortSignal {
  isInOrder = true;
  return stop.signal;
}

/** Nobody reads what the program says: what goes on until it is stopped has no purpose left; all else comes to its end. */
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

/** An npm that is killed passes no signal on; nobody would be left to stop this program. */
function heedParent(): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    requestStop();
  }, PARENT_POLL_MS);
  timer.unref();
}
