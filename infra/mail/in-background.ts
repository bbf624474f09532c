// Work that no request waits for, such as sending a mail. The program waits for it before it ends.
import type { InBackground } from '../../commands/identity/ports.js';

/** More work at a time is refused. */
export const MAX_BACKGROUND_WORK = 200;

export interface BackgroundDeps {
  onFailed(name: string, error: unknown): void;
}

export interface Background {
  start: InBackground;
  /** Resolves once all work is done that has been started, or has failed. */
  settled(): Promise<void>;
}

export function createInBackground({ onFailed }: BackgroundDeps): Background {
  const running = new Set<Promise<void>>();
  return {
    start(name, work) {
      if (running.size >= MAX_BACKGROUND_WORK) return onFailed(name, new Error('Too much work is running.'));
      const run: Promise<void> = work()
        .then(
          () => {},
          (error) => onFailed(name, error),
        )
        .finally(() => running.delete(run));
      running.add(run);
    },
    async settled() {
      await Promise.all(running);
    },
  };
}
