// Sends an answer as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): at once, unless the client
// has it, and again whenever it differs. The id of an event is the ETag of the answer, so a stream can be resumed in any process.
import { setTimeout as delay } from 'node:timers/promises';
import type { Request, Response } from 'express';
import { type Answer, startAnswer } from './answer.js';
import { contextOf } from './context.js';
import { WATCH_EVERY_MS, WATCH_FOR_MS, WATCH_RETRY_MS } from './limits.js';

/** A line that clients ignore. It shows proxies that the connection is alive, and us that the client is. */
const STILL_HERE = ':\n\n';

export interface WatchOptions {
  /** Nothing is sent before the end, as in a Lambda function. The stream then ends with its first event. */
  isBuffered: boolean;
  /** In ms. */
  lasts?: number;
}

/** `again` makes the answer anew. Ends when the client goes, the server closes, or the time is over. */
export async function sendChanges(
  req: Request,
  res: Response,
  first: Answer,
  again: () => Promise<Answer>,
  { isBuffered, lasts = WATCH_FOR_MS }: WatchOptions,
): Promise<void> {
  const { startedAt, observe } = contextOf(res);
  const until = performance.now() + lasts;
  let known = req.get('last-event-id');
  startAnswer(res, { ...first, headers: { 'Content-Type': 'text/event-stream; charset=utf-8' } });
  observe(first.status, startedAt);
  res.write(`retry: ${WATCH_RETRY_MS}\n\n`);
  for (let answer = first; ; answer = await again()) {
    const id = answer.headers.ETag?.replaceAll('"', '');
    const isNew = id !== known;
    known = id;
    res.write(isNew ? `id: ${id}\ndata: ${answer.body}\n\n` : STILL_HERE);
    if (isNew && isBuffered) break;
    const left = until - performance.now();
    if (left <= 0 || req.method === 'HEAD') break;
    await delay(Math.min(WATCH_EVERY_MS, left));
    if (res.destroyed || isClosing(req)) break;
  }
  res.end();
}

/** True once the server accepts no more connections. The running requests then hold it up. */
function isClosing({ socket }: Request): boolean {
  const { server } = socket as typeof socket & { server?: { listening: boolean } };
  return server?.listening === false;
}
