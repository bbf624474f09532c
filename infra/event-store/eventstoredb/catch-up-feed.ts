// The change feed on EventStoreDB: a catch-up subscription to `$all` for each consumer, of the streams of this log.
import type { AllStreamRecordedEvent, AllStreamSubscription, Position } from '@eventstore/db-client';
import type { Commit } from '../../../domain/kernel/commit.js';
import type { ChangeFeed, TamperAlarm } from '../../../domain/kernel/feed.js';
import { isStreamId } from '../../../domain/kernel/stream.js';
import type { Logger } from '../../../projections/runtime/projector.js';
import { pauseUnlessAborted } from '../../retry.js';
import type { CommitCodec } from '../codec.js';
import type { FeedCheckpoints } from './checkpoints.js';
import type { EventStoreDb } from './client.js';
import { COMMIT_TYPE, fromEvent } from './commit-event.js';

/** While so much waits for its consumer, nothing more is read. */
const MOST_EVENTS = 1_000;
const MOST_BYTES = 4 * 1024 * 1024;

/** A subscription that was silent for this long is replaced, because one that hangs is silent too. */
const LONGEST_SILENCE_MS = 30_000;

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 1_000;

export interface CatchUpFeedOptions {
  db: EventStoreDb;
  prefix: string;
  checkpoints: FeedCheckpoints;
  codec: Pick<CommitCodec, 'decode'>;
  alarm: TamperAlarm;
  log: Logger;
  longestSilenceMs?: number;
}

export function createCatchUpFeed({
  db,
  prefix,
  checkpoints,
  codec,
  alarm,
  log,
  longestSilenceMs = LONGEST_SILENCE_MS,
}: CatchUpFeedOptions): ChangeFeed {
  /** The server shows the metadata of a stream as a stream of its own. Whoever hides events has to write there. */
  const prefixes = [prefix, metadataStreamOf(prefix)];

  async function run(
    consumer: string,
    handle: (commits: readonly Commit[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    const progressed = () => {
      pause = FIRST_PAUSE_MS;
    };
    while (!signal.aborted) {
      try {
        await follow(consumer, handle, signal, progressed);
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ consumer, error: String(error) }, 'The feed stopped; it continues from its checkpoint.');
        await pauseUnlessAborted(pause, signal);
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      }
    }
  }

  /** Delivers until the signal aborts or the subscription is silent. Throws on failure. */
  async function follow(
    consumer: string,
    handle: (commits: readonly Commit[]) => Promise<void>,
    signal: AbortSignal,
    progressed: () => void,
  ): Promise<void> {
    const inbox = createInbox(signal);
    const from = (await checkpoints.load(consumer)) ?? 'start';
    const subscription = db.subscribe(from, prefixes, (searched) => {
      // What still waits in the subscription lies before this position.
      if (subscription.readableLength === 0) inbox.put({ position: searched });
    });
    inbox.fill(subscription);
    try {
      for (;;) {
        const { items, end } = await inbox.take(longestSilenceMs);
        if (!end) return;
        const commits = items.flatMap(({ event }) => (event ? read(event) : []));
        if (commits.length > 0) await handle(commits);
        await checkpoints.save(consumer, end);
        progressed();
      }
    } finally {
      await subscription.unsubscribe().catch(() => {});
    }
  }

  /** Skips what this program cannot read. The repair from the event store then fails for that stream alone. */
  function read(event: AllStreamRecordedEvent): Commit[] {
    if (event.type !== COMMIT_TYPE) {
      notice(event);
      return [];
    }
    try {
      return [codec.decode(fromEvent(prefix, event))];
    } catch (error) {
      const { streamId, revision } = event;
      log.error({ stream: streamId, revision: Number(revision), error: String(error) }, UNREADABLE);
      return [];
    }
  }

  /** A stream that is deleted, or whose metadata limit what can be read, has lost commits. */
  function notice({ streamId, type, data }: AllStreamRecordedEvent): void {
    const stream = streamId.slice(streamId.indexOf(prefix) + prefix.length);
    const isHidden = type === '$metadata' && Object.keys(Object(data)).some((key) => HIDING.has(key));
    if ((isHidden || type === '$streamDeleted') && isStreamId(stream)) alarm(stream, 1, 'removed');
  }

  return { run };
}

const UNREADABLE = 'The feed skipped an unreadable commit.';

/** The metadata that hide events: by age, by number, before a revision. */
const HIDING: ReadonlySet<string> = new Set(['$maxAge', '$maxCount', '$tb']);

function metadataStreamOf(stream: string): string {
  return `$$${stream}`;
}

interface Item {
  position: Position;
  /** Absent if the server has searched up to the position and found nothing. */
  event?: AllStreamRecordedEvent;
}

/** What a subscription has delivered and its consumer has not yet taken. */
function createInbox(signal: AbortSignal) {
  let items: Item[] = [];
  let bytes = 0;
  let failure: Error | undefined;
  let source: AllStreamSubscription | undefined;
  let wake = () => {};

  function put(item: Item): void {
    items.push(item);
    wake();
  }

  return {
    put,

    fill(subscription: AllStreamSubscription): void {
      source = subscription;
      subscription.on('data', ({ event }) => {
        if (!event) return;
        bytes += event.data instanceof Uint8Array ? event.data.length : 0;
        put({ position: event.position, event });
        if (items.length >= MOST_EVENTS || bytes >= MOST_BYTES) subscription.pause();
      });
      const stop = (error: Error) => {
        failure ??= error;
        wake();
      };
      subscription.on('error', stop);
      subscription.on('end', () => stop(new Error('the server has ended the subscription')));
    },

    /** All that is there, and the position that it ends with; neither after a silence. Rejects when aborted, or as the subscription. */
    async take(longestSilenceMs: number): Promise<{ items: readonly Item[]; end: Position | undefined }> {
      if (items.length === 0 && !failure && !signal.aborted) {
        const awake = new AbortController();
        wake = () => awake.abort();
        await pauseUnlessAborted(longestSilenceMs, AbortSignal.any([signal, awake.signal]));
      }
      signal.throwIfAborted();
      if (items.length === 0 && failure) throw failure;
      const taken = items;
      [items, bytes] = [[], 0];
      source?.resume();
      return { items: taken, end: taken.at(-1)?.position };
    },
  };
}
