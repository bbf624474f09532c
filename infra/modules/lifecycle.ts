// Closes everything that was opened, once, in reverse order. A failure does not stop the rest from closing.
export interface Lifecycle {
  /**
   * A resource that finishes opening after the shutdown is closed at once. A failure of that close is ignored: the shutdown is
   * over.
   */
  onClose(close: () => unknown): void;
  close(): Promise<void>;
}

export function createLifecycle(): Lifecycle {
  const closers: (() => unknown)[] = [];
  let closed = false;
  return {
    onClose(close) {
      if (closed) void closeLate(close);
      else closers.push(close);
    },
    async close() {
      const failures: unknown[] = [];
      for (let close = closers.pop(); close; close = closers.pop()) {
        try {
          await close();
        } catch (error) {
          failures.push(error);
        }
      }
      closed = true;
      if (failures.length > 0)
        throw new AggregateError(failures, `Not everything could be closed: ${failures.join('; ')}`);
    },
  };
}

async function closeLate(close: () => unknown): Promise<void> {
  try {
    await close();
  } catch {}
}
