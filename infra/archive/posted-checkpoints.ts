// Posts checkpoints to a place outside: a file, to which each is appended as a line of JSON, or a webhook. Whoever keeps them can
// show later that the archive was put back or rewritten.
import { open } from 'node:fs/promises';
import { Unavailable } from '../../domain/kernel/errors.js';
import { reasonOf } from '../retry.js';
import { readIfThere } from '../secret-file.js';

const TIMEOUT_MS = 5_000;

/** Posts one checkpoint. Throws `Unavailable`. */
export type PostCheckpoint = (note: string, at: number) => Promise<void>;

/** `place` is the URL of a webhook or the path of a file. */
export function createPost(place: string): PostCheckpoint {
  const post = isUrl(place) ? postToWebhook : appendToFile;
  return async (note, at) => {
    const line = JSON.stringify({ postedAt: new Date(at).toISOString(), checkpoint: note });
    try {
      await post(place, line);
    } catch (error) {
      const { cause } = error as { cause?: unknown };
      throw new Unavailable(
        `COMMERCE_CHECKPOINT_POST (${isUrl(place) ? new URL(place).origin : place})`,
        reasonOf(cause ?? error),
      );
    }
  };
}

/** The checkpoints that were posted to a file. A line that a crash has cut short is left out. Empty if there is no file. */
export async function postedCheckpoints(place: string): Promise<string[]> {
  if (isUrl(place)) return [];
  const text = (await readIfThere(place)) ?? '';
  return text.split('\n').flatMap((line) => {
    try {
      const { checkpoint } = JSON.parse(line) as { checkpoint?: unknown };
      return typeof checkpoint === 'string' ? [checkpoint] : [];
    } catch {
      return [];
    }
  });
}

export function isUrl(place: string): boolean {
  return /^https?:\/\//.test(place);
}

async function postToWebhook(url: string, body: string): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`it answered with status ${answer.status}`);
}

/** The line begins with a newline of its own, because a crash may have cut the last one short. */
async function appendToFile(path: string, line: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    await file.write(`\n${line}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}
