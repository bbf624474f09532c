// The requests to EventStoreDB, on the vendor's client. Each makes one attempt with a time limit; `isTransient` tells which errors
// another attempt may avoid.
import {
  type AllStreamRecordedEvent,
  type AllStreamSubscription,
  BACKWARDS,
  binaryEvent,
  convertToCommandError,
  END,
  ErrorType,
  EventStoreDBClient,
  FORWARDS,
  isCommandError,
  NO_STREAM,
  type Position,
  type RecordedEvent,
  type START,
  type StreamingRead,
  streamNameFilter,
} from '@eventstore/db-client';
import featuresGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import { OperatorError } from '../../../domain/kernel/errors.js';

/** The engine's name in errors. */
export const ENGINE = 'EventStoreDB';

/** After this time a request counts as lost: an append without an answer, a read without another event. */
export const REQUEST_TIMEOUT_MS = 2_000;

/** A filtered subscription reports its progress after this many times 32 events, even if none matches. */
const CHECKPOINT_INTERVAL = 32;

export interface EventStoreDb {
  /**
   * Appends after this revision, -1 for a new stream. Returns the revision of the event, the same again for a repeat with its id;
   * undefined if the stream ends elsewhere. After a soft deletion a stream is new, but its revisions continue.
   */
  append(stream: string, after: number, event: NewEvent): Promise<number | undefined>;
  /** Empty if the stream does not exist. Backwards from the end. */
  readStream(stream: string, options: { from: number | 'end'; count: number }): Promise<readonly RecordedEvent[]>;
  /** Forwards from the position itself; backwards from the event before it. */
  readAll(options: { from: Place; count: number; backwards?: boolean }): Promise<readonly AllStreamRecordedEvent[]>;
  /** The events after the place in the streams with these prefixes, and how far the server has searched for them. */
  subscribe(after: Place, prefixes: readonly string[], onProgress: (searched: Position) => void): AllStreamSubscription;
  /** Hides the events of a stream; it can be written again. */
  hide(stream: string): Promise<void>;
  /** Ends a stream for ever. */
  end(stream: string): Promise<void>;
  /** The `Date` of the server's answer to a small request. */
  date(): Promise<string | undefined>;
  close(): Promise<void>;
}

export interface NewEvent {
  id: string;
  type: string;
  data: Uint8Array;
  metadata: object;
}

/** A position in `$all`. */
export type Place = Position | typeof START | typeof END;

/** Throws `OperatorError` if the address has options that the client does not know. */
export function createEventStoreDb(url: string): EventStoreDb {
  const client = openClient(url);
  const limited = { deadline: REQUEST_TIMEOUT_MS, requiresLeader: true };

  return {
    async append(stream, after, { id, type, data, metadata }) {
      const event = binaryEvent({ id, type, data, metadata: { ...metadata } });
      const expectedRevision = after < 0 ? NO_STREAM : BigInt(after);
      try {
        const answer = await client.appendToStream(stream, event, { expectedRevision, ...limited });
        return answer.success ? Number(answer.nextExpectedRevision) : undefined;
      } catch (error) {
        if (typeOf(error) === ErrorType.WRONG_EXPECTED_VERSION) return undefined;
        throw error;
      }
    },

    async readStream(stream, { from, count }) {
      const options = {
        direction: from === 'end' ? BACKWARDS : FORWARDS,
        fromRevision: from === 'end' ? END : BigInt(from),
        maxCount: count,
        requiresLeader: true,
      } as const;
      try {
        const found = await collect(client.readStream(stream, options));
        return found.flatMap(({ event }) => event ?? []);
      } catch (error) {
        if (typeOf(error) === ErrorType.STREAM_NOT_FOUND) return [];
        throw error;
      }
    },

    async readAll({ from, count, backwards = false }) {
      const direction = backwards ? BACKWARDS : FORWARDS;
      const options = { direction, fromPosition: from, maxCount: count, requiresLeader: true } as const;
      return (await collect(client.readAll(options))).flatMap(({ event }) => event ?? []);
    },

    subscribe(after, prefixes, onProgress) {
      const checkpointReached = async (_: unknown, searched: Position) => onProgress(searched);
      const filter = streamNameFilter({
        prefixes: [...prefixes],
        checkpointInterval: CHECKPOINT_INTERVAL,
        checkpointReached,
      });
      return client.subscribeToAll({ fromPosition: after, filter, requiresLeader: true });
    },

    async hide(stream) {
      await client.deleteStream(stream, limited);
    },

    async end(stream) {
      await client.tombstoneStream(stream, limited).catch((error: unknown) => {
        if (typeOf(error) !== ErrorType.STREAM_DELETED) throw error;
      });
    },

    date: () => dateOf(client),

    close: () => client.dispose(),
  };
}

/** Events of one page, with those of all other shops on the server. */
export const PAGE_EVENTS = 500;

/** The events after a place, page by page to the end. */
export async function* pagesAfter(
  place: Place,
  readAll: EventStoreDb['readAll'],
): AsyncGenerator<readonly AllStreamRecordedEvent[]> {
  for (let from = place, isLast = false; !isLast; ) {
    const page = await readAll({ from, count: PAGE_EVENTS });
    // The server begins with the event at the place.
    const [first] = page;
    yield typeof from === 'object' && first?.position.commit === from.commit ? page.slice(1) : page;
    from = page.at(-1)?.position ?? from;
    isLast = page.length < PAGE_EVENTS;
  }
}

/** True for errors that another attempt may avoid. */
export function isTransient(error: unknown): boolean {
  const type = typeOf(error);
  if (type !== undefined) return TRANSIENT.has(type);
  return error instanceof NoAnswer || (error instanceof Error && LOST_CHANNEL.test(error.message));
}

/** `UNKNOWN` is what the client makes of all codes of gRPC that it has no name for, such as those of a server that starts. */
const TRANSIENT: ReadonlySet<ErrorType> = new Set([
  ErrorType.TIMEOUT,
  ErrorType.DEADLINE_EXCEEDED,
  ErrorType.UNAVAILABLE,
  ErrorType.CANCELLED,
  ErrorType.NOT_LEADER,
  ErrorType.UNKNOWN,
]);

/** Another request has found the connection broken, or no node of the cluster answers. */
const LOST_CHANNEL = /Channel has been shut down|Failed to discover/;

function typeOf(error: unknown): ErrorType | undefined {
  return error instanceof Error && isCommandError(error) ? error.type : undefined;
}

class NoAnswer extends Error {
  override name = 'NoAnswer';
  constructor() {
    super(`no answer within ${REQUEST_TIMEOUT_MS} ms`);
  }
}

/** What the client's own methods use. The package does not export it, and no public method shows the headers of an answer. */
interface ClientInternals {
  supports(): Promise<boolean>;
  execute<C, T>(service: new (...args: never) => C, name: string, action: (service: C) => Promise<T>): Promise<T>;
  callArguments(options: { deadline: number }): Parameters<featuresGrpc.ServerFeaturesClient['getSupportedMethods']>;
}

/**
 * Sends each append as a request of its own. In the client's batches, which share one request, an append has no time limit; and an
 * answer that comes after the request has failed ends the process.
 */
function openClient(url: string): EventStoreDBClient {
  try {
    const client = EventStoreDBClient.connectionString(url);
    Object.assign(client, { supports: async () => false } satisfies Partial<ClientInternals>);
    return client;
  } catch (error) {
    throw new OperatorError(`EVENTSTORE_URL: ${(error as Error).message}`);
  }
}

function dateOf(client: EventStoreDBClient): Promise<string | undefined> {
  const { execute, callArguments } = client as unknown as ClientInternals;
  return execute(featuresGrpc.ServerFeaturesClient, 'date', (service) => {
    const [metadata, options] = callArguments({ deadline: REQUEST_TIMEOUT_MS }) as unknown as [never, never];
    return new Promise((resolve, reject) => {
      let date: string | undefined;
      service
        .getSupportedMethods(new sharedPb.Empty(), metadata, options, (error) =>
          error ? reject(convertToCommandError(error)) : resolve(date),
        )
        .on('metadata', (headers) => {
          date = headers.get('date')[0]?.toString();
        });
    });
  });
}

/** All events of a read. They are always read to the end, because the client does not close a read that is dropped. */
function collect<E>(read: StreamingRead<E>): Promise<E[]> {
  return new Promise((resolve, reject) => {
    const events: E[] = [];
    const timer = setTimeout(() => {
      reject(new NoAnswer());
      void read.cancel().catch(() => {});
    }, REQUEST_TIMEOUT_MS);
    read.on('data', (event) => {
      events.push(event);
      timer.refresh();
    });
    read.on('end', () => {
      clearTimeout(timer);
      resolve(events);
    });
    read.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}
