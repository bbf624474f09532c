// What was opened is closed in reverse order, once, whatever else fails on the way.
export interface Lifecycle {
  onClose(close: () => unknown): void;
  close(): Promise<void>;
}

export function createLifecycle(): Lifecycle {
  const closers: (() => unknown)[] = [];
  return {
    onClose: (close) => void closers.push(close),
    async close() {
      const failures: unknown[] = [];
      for (let close = closers.pop(); close; close = closers.pop()) {
        try {
          await close();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0)
        throw new AggregateError(failures, `Not everything could be closed: ${failures.join('; ')}`);
    },
  };
}
