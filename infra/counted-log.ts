// A log for messages that requests can cause many times. The first line is written, its repeats within a minute are counted, and
// the last one is written with the count after the minute. Repeated requests cannot fill the disk.
import type { Logger } from 'pino';
import type { Clock } from '../domain/kernel/clock.js';

/** Period in which the repeats of a line are counted. */
export const REPEATS_COUNTED_MS = 60_000;

/** Kinds of lines that are counted separately at a time. Further kinds share a count. */
export const MAX_LINE_KINDS = 100;

type Level = 'warn' | 'error';

/**
 * Lines are of the same kind if they have the same message and their errors (`err`) have the same class, code, engine and origin.
 */
export type CountedLog = { [level in Level]: (fields: object, message: string) => void };

interface Kind {
  level: Level;
  since: number;
  repeats: number;
  /** The latest line. */
  fields: object;
  message: string;
}

export interface CountedLogDeps {
  log: Pick<Logger, Level>;
  clock: Clock;
  /** Calls back once, after this time. */
  wake?: (run: () => void, ms: number) => void;
}

export function createCountedLog({ log, clock, wake = wakeLater }: CountedLogDeps): CountedLog {
  /** Oldest first. */
  const kinds = new Map<string, Kind>();
  let isWaiting = false;

  function write(level: Level, fields: object, message: string): void {
    endMinutes();
    const own = `${level} ${message} ${originOf(fields)}`;
    const name = kinds.has(own) || kinds.size < MAX_LINE_KINDS ? own : `${level} others`;
    const kind = kinds.get(name);
    if (kind) {
      Object.assign(kind, { repeats: kind.repeats + 1, fields, message });
      return;
    }
    kinds.set(name, { level, since: clock(), repeats: 0, fields, message });
    log[level](fields, message);
    waitForMinute();
  }

  function endMinutes(): void {
    for (const [name, { level, since, repeats, fields, message }] of kinds) {
      if (clock() - since < REPEATS_COUNTED_MS) return;
      kinds.delete(name);
      if (repeats === 0) continue;
      const others = name === `${level} others` ? ', and others' : '';
      log[level](
        { ...fields, repeats },
        `${message}${others}: ${repeats} more within ${REPEATS_COUNTED_MS / 1000} s; this is the last`,
      );
    }
  }

  /** Writes counts that no later line would trigger. */
  function waitForMinute(): void {
    if (isWaiting) return;
    isWaiting = true;
    wake(() => {
      isWaiting = false;
      endMinutes();
      if (kinds.size > 0) waitForMinute();
    }, REPEATS_COUNTED_MS);
  }

  return {
    warn: (fields, message) => write('warn', fields, message),
    error: (fields, message) => write('error', fields, message),
  };
}

/** Contains no text chosen by the caller, unlike an error's message. */
function originOf({ err }: { err?: unknown }): string {
  if (!(err instanceof Error)) return '';
  const { code, engine } = err as { code?: unknown; engine?: unknown };
  const place = /\n\s+at (.*)/.exec(err.stack ?? '')?.[1] ?? '';
  return `${err.name} ${String(code ?? '')} ${String(engine ?? '')} ${place}`;
}

function wakeLater(run: () => void, ms: number): void {
  setTimeout(run, ms).unref();
}
