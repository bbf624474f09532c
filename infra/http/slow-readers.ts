// Disconnects clients that do not receive their answers. Each would otherwise hold a connection and the answer in memory.
import type { ServerResponse } from 'node:http';

export interface SlowReaderLimits {
  /** Time for a client to receive an answer … */
  answerMs: number;
  /** … plus one second for each so many bytes that are left of it. */
  answerBytesPerS: number;
  checkEveryMs: number;
}

export interface SlowReaders {
  watch(res: ServerResponse): void;
  stop(): void;
}

export function cutOffSlowReaders({ answerMs, answerBytesPerS, checkEveryMs }: SlowReaderLimits): SlowReaders {
  /** The answers that are not fully received, each with its deadline, which is set once the answer is written. */
  const deadlines = new Map<ServerResponse, number | undefined>();

  function check(): void {
    const now = performance.now();
    for (const [res, deadline] of deadlines) {
      const { socket } = res;
      // An answer without a socket waits behind an earlier answer on its connection, which has its own deadline.
      if (!res.writableEnded || res.writableFinished || !socket) continue;
      if (deadline === undefined) {
        deadlines.set(res, now + answerMs + (socket.writableLength / answerBytesPerS) * 1000);
      } else if (now > deadline) {
        socket.destroy();
      }
    }
  }

  const timer = setInterval(check, checkEveryMs).unref();
  return {
    watch(res) {
      deadlines.set(res, undefined);
      res.once('close', () => deadlines.delete(res));
    },
    stop: () => clearInterval(timer),
  };
}
