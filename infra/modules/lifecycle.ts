// What was opened is closed in reverse order, once, whatever else fails on the way.
export interface Lifecycle {
  /** What was still being opened when the rest was closed is closed at once; if that fails, nobody is left to be told. */
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
