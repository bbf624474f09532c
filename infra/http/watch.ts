// Sends an answer as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): at once, unless the client
// has it, and again whenever it differs. The id of an event is the ETag of the answer, so a stream can be resumed in any process.
import { setTimeout as delay } from 'node:timers/promises';
import type { Request, Response } from 'express';
import { type Answer, startAnswer } from './answer.js';
import { contextOf } from './context.js';
import { MAX_WATCHED_PER_CALLER, WATCH_AGAIN_MS, WATCH_EVERY_MS, WATCH_FOR_MS, WATCH_RETRY_MS } from './limits.js';
import { HttpProblem } from './problems.js';

/** A line that clients ignore. It shows proxies that the connection is alive, and us that the client is. */
const STILL_HERE = ':\n\n';

/** `again` makes the answer anew. Ends when the client goes, the server closes, or the time is over. Throws `rate_limited`. */
export type SendChanges = (
  req: Request,
  res: Response,
  caller: string,
  first: Answer,
  again: () => Promise<Answer>,
) => Promise<void>;

/** `isBuffered`: nothing is sent before the end, as in a Lambda function. A stream then ends at once. */
export function createWatching(isBuffered: boolean): SendChanges {
  /** The number of streams by caller. */
  const open = new Map<string, number>();

  return async (req, res, caller, first, again) => {
    const others = open.get(caller) ?? 0;
    if (others >= MAX_WATCHED_PER_CALLER) {
      const detail = `At most ${MAX_WATCHED_PER_CALLER} answers can be watched at the same time.`;
      throw new HttpProblem('rate_limited', detail, { 'Retry-After': String(WATCH_FOR_MS / 1_000) });
    }
    open.set(caller, others + 1);
    try {
      await send(req, res, first, again);
    } finally {
      const left = (open.get(caller) ?? 0) - 1;
      if (left > 0) open.set(caller, left);
      else open.delete(caller);
    }
  };

  async function send(req: Request, res: Response, first: Answer, again: () => Promise<Answer>): Promise<void> {
    const { startedAt, observe } = contextOf(res);
    const until = performance.now() + WATCH_FOR_MS;
    let known = req.get('last-event-id');
    startAnswer(res, { ...first, headers: { 'Content-Type': 'text/event-stream; charset=utf-8' } });
    observe(first.status, startedAt);
    res.write(`retry: ${isBuffered ? WATCH_AGAIN_MS : WATCH_RETRY_MS}\n\n`);
    for (let answer = first; ; answer = await again()) {
      const id = answer.headers.ETag?.replaceAll('"', '');
      res.write(id === known ? STILL_HERE : `id: ${id}\ndata: ${answer.body}\n\n`);
      known = id;
      const left = until - performance.now();
      if (left <= 0 || isBuffered || req.method === 'HEAD') break;
      await delay(Math.min(WATCH_EVERY_MS, left));
      if (res.destroyed || isClosing(req)) break;
    }
    res.end();
  }
}

/** True once the server accepts no more connections. The running requests then hold it up. */
function isClosing({ socket }: Request): boolean {
  const { server } = socket as typeof socket & { server?: { listening: boolean } };
  return server?.listening === false;
}
