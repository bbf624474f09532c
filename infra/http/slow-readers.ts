// Cuts off clients that do not take their answers, each of which would hold a connection and the answer in memory for ever.
import type { ServerResponse } from 'node:http';

export interface SlowReaderLimits {
  /** A client has this long to take an answer … */
  answerMs: number;
  /** … and a second more for each so many bytes that are left of it. */
  answerBytesPerS: number;
  checkEveryMs: number;
}

export interface SlowReaders {
  watch(res: ServerResponse): void;
  stop(): void;
}

export function cutOffSlowReaders({ answerMs, answerBytesPerS, checkEveryMs }: SlowReaderLimits): SlowReaders {
  /** Each answer that has not been taken whole, with the time by which it must be: known once it is written. */
  const deadlines = new Map<ServerResponse, number | undefined>();

  function check(): void {
    const now = performance.now();
    for (const [res, deadline] of deadlines) {
      const { socket } = res;
      // Without a socket it waits behind an earlier answer on its connection, which has a deadline of its own.
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
