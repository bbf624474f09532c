// A server on this machine that speaks the gRPC protocol of EventStoreDB, by the service definitions in the client's package. Tests
// use it where no real server is at hand.

import type { EventEmitter } from 'node:events';
import { once } from 'node:events';
import featuresGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import featuresPb from '@eventstore/db-client/generated/serverfeatures_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import statusPb from '@eventstore/db-client/generated/status_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import anyPb from 'google-protobuf/google/protobuf/any_pb.js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import { createServerLog, type Expected, type Outcome, type Proposed, type Recorded, type ServerLog } from './log.js';

export type Method = 'append' | 'read' | 'subscribe' | 'delete' | 'features';

/** What happens to a request: refused before it takes effect, its answer lost after it has, or no answer at all. */
export type Fault = 'unavailable' | 'reply lost' | 'no answer';

export interface EventStoreDbServer {
  /** The address for clients. It stays the same when the server is started again. */
  readonly url: string;
  readonly log: ServerLog;
  /** Decides for each request what happens to it. */
  inject(fault: (method: Method) => Fault | undefined): void;
  /** The subscriptions that are open now. */
  subscriptions(): number;
  /** Running subscriptions deliver nothing more, and do not end. Later ones are not affected. */
  hangSubscriptions(): void;
  /** Cuts all connections, as if the process was killed. What was written stays. */
  kill(): void;
  start(): Promise<void>;
}

export interface ServerOptions {
  log?: ServerLog;
  /** Older servers do not have it. */
  hasBatchAppend?: boolean;
}

/** Answers to one call of a client. */
type Answers<T> = EventEmitter & { write(answer: T): boolean; end(): void; cancelled: boolean };

export async function startEventStoreDbServer({
  log = createServerLog(),
  hasBatchAppend = true,
}: ServerOptions = {}): Promise<EventStoreDbServer> {
  let server: Server | undefined;
  let port = 0;
  let faultOf: (method: Method) => Fault | undefined = () => undefined;
  const open = new Set<{ hangs: boolean }>();

  async function start(): Promise<void> {
    const starting = new Server();
    starting.addService(streamsGrpc.StreamsService, { append, batchAppend, read, delete: remove, tombstone });
    starting.addService(featuresGrpc.ServerFeaturesService, { getSupportedMethods });
    port = await new Promise<number>((resolve, reject) => {
      const bound = (error: Error | null, at: number) => (error ? reject(error) : resolve(at));
      starting.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), bound);
    });
    server = starting;
  }

  /** Runs the work of a request unless a fault prevents it, and answers unless a fault prevents that. */
  function answering(method: Method, fail: (error: Error) => void, work: () => void, answer: () => void): void {
    const fault = faultOf(method);
    if (fault !== 'unavailable') work();
    if (fault === 'unavailable') fail(failure(status.UNAVAILABLE, 'injected'));
    else if (fault === 'reply lost') fail(failure(status.UNAVAILABLE, 'injected, after the work'));
    else if (fault === undefined) answer();
  }

  // ── Writes ──────────────────────────────────────────────────────────────────────────────────────────────────────

  function append(
    call: ServerReadableStream<streamsPb.AppendReq, streamsPb.AppendResp>,
    callback: sendUnaryData<streamsPb.AppendResp>,
  ): void {
    let options = new streamsPb.AppendReq.Options();
    const events: Proposed[] = [];
    call.on('data', (request: streamsPb.AppendReq) => {
      options = request.getOptions() ?? options;
      const message = request.getProposedMessage();
      if (message) events.push(proposed(message));
    });
    call.on('end', () => {
      const stream = nameOf(options.getStreamIdentifier());
      const expected = expectedIn(options, () => options.getRevision());
      let outcome: Outcome;
      const work = () => {
        outcome = log.append(stream, expected, events);
      };
      const answer = () => {
        const failed = outcome.kind === 'wrong version' ? undefined : failureOf(stream, expected, outcome);
        if (failed) callback(failed);
        else callback(null, appendResponse(expected, outcome));
      };
      answering('append', callback, work, answer);
    });
  }

  function batchAppend(call: ServerDuplexStream<streamsPb.BatchAppendReq, streamsPb.BatchAppendResp>): void {
    const batches = new Map<string, { options: streamsPb.BatchAppendReq.Options; events: Proposed[] }>();
    call.on('data', (request: streamsPb.BatchAppendReq) => {
      const correlation = idOf(request.getCorrelationId());
      const options = request.getOptions() ?? new streamsPb.BatchAppendReq.Options();
      const batch = batches.get(correlation) ?? { options, events: [] };
      batches.set(correlation, batch);
      batch.events.push(...request.getProposedMessagesList().map(proposed));
      if (!request.getIsFinal()) return;
      batches.delete(correlation);
      const stream = nameOf(batch.options.getStreamIdentifier());
      const expected = expectedIn(batch.options, () => batch.options.getStreamPosition());
      let outcome: Outcome;
      const work = () => {
        outcome = log.append(stream, expected, batch.events);
      };
      const answer = () => {
        const response = batchResponse(stream, expected, outcome);
        response.setCorrelationId(request.getCorrelationId());
        call.write(response);
      };
      answering('append', (error) => call.emit('error', error), work, answer);
    });
    call.on('end', () => call.end());
  }

  const remove = (
    call: ServerUnaryCall<streamsPb.DeleteReq, streamsPb.DeleteResp>,
    callback: sendUnaryData<streamsPb.DeleteResp>,
  ) => deletion(call, 'softly', new streamsPb.DeleteResp(), new streamsPb.DeleteResp.Position(), callback);

  const tombstone = (
    call: ServerUnaryCall<streamsPb.TombstoneReq, streamsPb.TombstoneResp>,
    callback: sendUnaryData<streamsPb.TombstoneResp>,
  ) => deletion(call, 'for ever', new streamsPb.TombstoneResp(), new streamsPb.TombstoneResp.Position(), callback);

  function deletion<R extends { setPosition(position: P): unknown }, P extends LogPosition>(
    call: ServerUnaryCall<streamsPb.DeleteReq | streamsPb.TombstoneReq, R>,
    how: 'softly' | 'for ever',
    response: R,
    position: P,
    callback: sendUnaryData<R>,
  ): void {
    const options = call.request.getOptions() ?? new streamsPb.DeleteReq.Options();
    const stream = nameOf(options.getStreamIdentifier());
    const expected = expectedIn(options, () => options.getRevision());
    let outcome: Outcome;
    const work = () => {
      outcome = log.remove(stream, expected, how);
    };
    const answer = () => {
      const failed = failureOf(stream, expected, outcome);
      if (failed) return callback(failed);
      response.setPosition(placed(position, outcome.kind === 'written' ? (outcome.position ?? 0) : 0));
      callback(null, response);
    };
    answering('delete', callback, work, answer);
  }

  // ── Reads ───────────────────────────────────────────────────────────────────────────────────────────────────────

  function read(call: ServerWritableStream<streamsPb.ReadReq, streamsPb.ReadResp>): void {
    const options = call.request.getOptions() ?? new streamsPb.ReadReq.Options();
    const isSubscription = options.hasSubscription();
    const fail = (error: Error) => void call.emit('error', error);
    const serve = () => void (isSubscription ? subscribe(call, options) : answerRead(call, options)).catch(fail);
    answering(isSubscription ? 'subscribe' : 'read', fail, () => {}, serve);
  }

  async function answerRead(call: Answers<streamsPb.ReadResp>, options: streamsPb.ReadReq.Options): Promise<void> {
    const isBackwards = options.getReadDirection() === streamsPb.ReadReq.Options.ReadDirection.BACKWARDS;
    const count = Math.min(Number(options.getCount()), Number.MAX_SAFE_INTEGER);
    const found = options.hasStream() ? streamEvents(options, isBackwards) : allEvents(options, isBackwards);
    if (typeof found === 'string') {
      const missing = new streamsPb.ReadResp.StreamNotFound();
      missing.setStreamIdentifier(identifierOf(found));
      const response = new streamsPb.ReadResp();
      response.setStreamNotFound(missing);
      call.write(response);
    } else {
      const matches = matcherOf(options);
      const wanted = found.filter(matches).slice(0, count);
      for (const event of wanted) await send(call, eventResponse(event));
    }
    call.end();
  }

  /** The name of the stream if it does not exist. Throws if it was deleted for ever. */
  function streamEvents(options: streamsPb.ReadReq.Options, isBackwards: boolean): readonly Recorded[] | string {
    const from = options.getStream() ?? new streamsPb.ReadReq.Options.StreamOptions();
    const stream = nameOf(from.getStreamIdentifier());
    const events = log.visible(stream);
    if (events === 'deleted') throw deletedStream(stream);
    if (!events) return stream;
    const revision = Number(from.getRevision());
    if (!isBackwards)
      return events.filter((event) => from.hasStart() || (!from.hasEnd() && event.revision >= revision));
    return events.filter((event) => from.hasEnd() || event.revision <= (from.hasStart() ? 0 : revision)).toReversed();
  }

  /** Forwards from the position itself, backwards from the event before it. */
  function allEvents(options: streamsPb.ReadReq.Options, isBackwards: boolean): readonly Recorded[] {
    const from = options.getAll() ?? new streamsPb.ReadReq.Options.AllOptions();
    const position = Number(from.getPosition()?.getCommitPosition() ?? 0);
    const start = from.hasStart() ? 0 : from.hasEnd() ? log.all.length : indexOf(position);
    return isBackwards ? log.all.slice(0, start).reverse() : log.all.slice(start);
  }

  /** Index in `$all` of the first event at or after the position. */
  function indexOf(position: number): number {
    let [low, high] = [0, log.all.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((log.all[middle]?.position ?? position) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** What is there, in order, and then what comes, until the client leaves. */
  async function subscribe(call: Answers<streamsPb.ReadResp>, options: streamsPb.ReadReq.Options): Promise<void> {
    const state = { hangs: false };
    open.add(state);
    const left = new Promise<void>((resolve) => {
      for (const event of ['cancelled', 'close', 'error']) call.once(event, () => resolve());
    });
    const isOver = left.then(() => open.delete(state));
    const isWanted = subscribed(options);
    const matches = matcherOf(options);
    const checkpointEvery = checkpointIntervalOf(options);
    let next = nextOf(options);
    let seen = 0;

    const confirmation = new streamsPb.ReadResp();
    const confirmed = new streamsPb.ReadResp.SubscriptionConfirmation();
    confirmed.setSubscriptionId(crypto.randomUUID());
    confirmation.setConfirmation(confirmed);
    await send(call, confirmation);
    let isCaughtUp = false;
    while (open.has(state) && !call.cancelled) {
      const written = log.written();
      for (let event = log.all[next]; event && open.has(state) && !state.hangs; event = log.all[next]) {
        next++;
        if (!isWanted(event)) continue;
        if (matches(event)) await send(call, eventResponse(event));
        if (checkpointEvery && ++seen % checkpointEvery === 0) await send(call, checkpointResponse(event));
      }
      if (!isCaughtUp && !state.hangs) {
        isCaughtUp = true;
        const response = new streamsPb.ReadResp();
        response.setCaughtUp(new streamsPb.ReadResp.CaughtUp());
        await send(call, response);
      }
      if (next >= log.all.length || state.hangs) await Promise.race([written, isOver]);
    }
  }

  /** Which events a subscription is about, apart from its filter. It begins after the revision or position that it names. */
  function subscribed(options: streamsPb.ReadReq.Options): (event: Recorded) => boolean {
    const from = options.getStream();
    if (!from) return () => true;
    const stream = nameOf(from.getStreamIdentifier());
    if (log.visible(stream) === 'deleted') throw deletedStream(stream);
    const first = from.hasRevision() ? Number(from.getRevision()) + 1 : 0;
    return (event) => event.stream === stream && event.revision >= first;
  }

  function nextOf(options: streamsPb.ReadReq.Options): number {
    const from = options.getAll();
    if (options.getStream()?.hasEnd() || from?.hasEnd()) return log.all.length;
    return from?.hasPosition() ? indexOf(Number(from.getPosition()?.getCommitPosition() ?? 0) + 1) : 0;
  }

  function getSupportedMethods(
    _: ServerUnaryCall<sharedPb.Empty, featuresPb.SupportedMethods>,
    callback: sendUnaryData<featuresPb.SupportedMethods>,
  ): void {
    const answer = () => {
      const supported = new featuresPb.SupportedMethods();
      supported.setEventStoreServerVersion('24.10.0.0');
      for (const name of ['append', 'read', 'delete', 'tombstone', ...(hasBatchAppend ? ['batchappend'] : [])]) {
        const method = new featuresPb.SupportedMethod();
        method.setServiceName('event_store.client.streams.streams');
        method.setMethodName(name);
        supported.addMethods(method);
      }
      callback(null, supported);
    };
    answering('features', callback, () => {}, answer);
  }

  await start();
  return {
    url: `esdb://127.0.0.1:${port}?tls=false`,
    log,
    inject(fault) {
      faultOf = fault;
    },
    subscriptions: () => open.size,
    hangSubscriptions() {
      for (const state of open) state.hangs = true;
    },
    kill() {
      server?.forceShutdown();
      open.clear();
    },
    start,
  };
}

/** Waits for slow clients. */
async function send<T>(call: Answers<T>, answer: T): Promise<void> {
  if (call.cancelled || call.write(answer)) return;
  const over = new AbortController();
  const { signal } = over;
  await Promise.race(['drain', 'cancelled', 'close', 'error'].map((event) => once(call, event, { signal }))).catch(
    () => {},
  );
  over.abort();
}

// ── Messages ────────────────────────────────────────────────────────────────────────────────────────────────────────

function nameOf(identifier: sharedPb.StreamIdentifier | undefined): string {
  return Buffer.from(identifier?.getStreamName_asU8() ?? []).toString();
}

function identifierOf(stream: string): sharedPb.StreamIdentifier {
  const identifier = new sharedPb.StreamIdentifier();
  identifier.setStreamName(Buffer.from(stream).toString('base64'));
  return identifier;
}

/** The Node client sends ids as texts. */
function idOf(id: sharedPb.UUID | undefined): string {
  return id?.getString().toLowerCase() ?? '';
}

function proposed(message: streamsPb.AppendReq.ProposedMessage | streamsPb.BatchAppendReq.ProposedMessage): Proposed {
  const metadata = message.getMetadataMap();
  return {
    id: idOf(message.getId()),
    type: metadata.get('type') ?? '',
    contentType: metadata.get('content-type') ?? 'application/octet-stream',
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  };
}

interface ExpectedOptions {
  hasAny(): boolean;
  hasNoStream(): boolean;
  hasStreamExists(): boolean;
}

function expectedIn(options: ExpectedOptions, revision: () => string): Expected {
  if (options.hasAny()) return 'any';
  if (options.hasNoStream()) return 'no_stream';
  return options.hasStreamExists() ? 'stream_exists' : Number(revision());
}

interface LogPosition {
  setCommitPosition(position: string): unknown;
  setPreparePosition(position: string): unknown;
}

function placed<P extends LogPosition>(message: P, position: number): P {
  message.setCommitPosition(String(position));
  message.setPreparePosition(String(position));
  return message;
}

function appendResponse(expected: Expected, outcome: Outcome): streamsPb.AppendResp {
  const response = new streamsPb.AppendResp();
  if (outcome.kind === 'written') {
    const success = new streamsPb.AppendResp.Success();
    if (outcome.revision < 0) success.setNoStream(new sharedPb.Empty());
    else success.setCurrentRevision(String(outcome.revision));
    if (outcome.position === undefined) success.setNoPosition(new sharedPb.Empty());
    else success.setPosition(placed(new streamsPb.AppendResp.Position(), outcome.position));
    response.setSuccess(success);
  }
  if (outcome.kind === 'wrong version') {
    const wrong = new streamsPb.AppendResp.WrongExpectedVersion();
    if (outcome.current < 0) wrong.setCurrentNoStream(new sharedPb.Empty());
    else wrong.setCurrentRevision(String(outcome.current));
    if (expected === 'any') wrong.setExpectedAny(new sharedPb.Empty());
    else if (expected === 'no_stream') wrong.setExpectedNoStream(new sharedPb.Empty());
    else if (expected === 'stream_exists') wrong.setExpectedStreamExists(new sharedPb.Empty());
    else wrong.setExpectedRevision(String(expected));
    response.setWrongExpectedVersion(wrong);
  }
  return response;
}

function batchResponse(stream: string, expected: Expected, outcome: Outcome): streamsPb.BatchAppendResp {
  const response = new streamsPb.BatchAppendResp();
  response.setStreamIdentifier(identifierOf(stream));
  if (expected === 'any') response.setAny(new emptyPb.Empty());
  else if (expected === 'no_stream') response.setNoStream(new emptyPb.Empty());
  else if (expected === 'stream_exists') response.setStreamExists(new emptyPb.Empty());
  else response.setStreamPosition(String(expected));
  if (outcome.kind === 'written') {
    const success = new streamsPb.BatchAppendResp.Success();
    if (outcome.revision < 0) success.setNoStream(new emptyPb.Empty());
    else success.setCurrentRevision(String(outcome.revision));
    if (outcome.position === undefined) success.setNoPosition(new emptyPb.Empty());
    else success.setPosition(placed(new sharedPb.AllStreamPosition(), outcome.position));
    response.setSuccess(success);
  } else {
    response.setError(batchError(stream, expected, outcome));
  }
  return response;
}

function batchError(
  stream: string,
  expected: Expected,
  outcome: Exclude<Outcome, { kind: 'written' }>,
): statusPb.Status {
  const details = new anyPb.Any();
  const pack = (name: string, message: { serializeBinary(): Uint8Array }) =>
    details.pack(message.serializeBinary(), `event_store.client.${name}`);
  if (outcome.kind === 'deleted') {
    const deleted = new sharedPb.StreamDeleted();
    deleted.setStreamIdentifier(identifierOf(stream));
    pack('StreamDeleted', deleted);
  } else if (outcome.kind === 'too large') {
    const tooLarge = new sharedPb.MaximumAppendSizeExceeded();
    tooLarge.setMaxappendsize(outcome.limit);
    pack('MaximumAppendSizeExceeded', tooLarge);
  } else {
    const wrong = new sharedPb.WrongExpectedVersion();
    if (outcome.current < 0) wrong.setCurrentNoStream(new emptyPb.Empty());
    else wrong.setCurrentStreamRevision(String(outcome.current));
    if (expected === 'any') wrong.setExpectedAny(new emptyPb.Empty());
    else if (expected === 'no_stream') wrong.setExpectedNoStream(new emptyPb.Empty());
    else if (expected === 'stream_exists') wrong.setExpectedStreamExists(new emptyPb.Empty());
    else wrong.setExpectedStreamPosition(String(expected));
    pack('WrongExpectedVersion', wrong);
  }
  const error = new statusPb.Status();
  error.setMessage(outcome.kind);
  error.setDetails(details);
  return error;
}

function eventResponse(event: Recorded): streamsPb.ReadResp {
  const id = new sharedPb.UUID();
  id.setString(event.id);
  const recorded = placed(new streamsPb.ReadResp.ReadEvent.RecordedEvent(), event.position);
  recorded.setId(id);
  recorded.setStreamIdentifier(identifierOf(event.stream));
  recorded.setStreamRevision(String(event.revision));
  const metadata = recorded.getMetadataMap();
  metadata.set('type', event.type);
  metadata.set('content-type', event.contentType);
  metadata.set('created', String(BigInt(event.created) * TICKS_PER_MS));
  recorded.setData(event.data);
  recorded.setCustomMetadata(event.metadata);
  const read = new streamsPb.ReadResp.ReadEvent();
  read.setEvent(recorded);
  read.setCommitPosition(String(event.position));
  const response = new streamsPb.ReadResp();
  response.setEvent(read);
  return response;
}

/** .NET counts time in units of 100 ns. */
const TICKS_PER_MS = 10_000n;

function checkpointResponse({ position }: Recorded): streamsPb.ReadResp {
  const response = new streamsPb.ReadResp();
  response.setCheckpoint(placed(new streamsPb.ReadResp.Checkpoint(), position));
  return response;
}

function matcherOf(options: streamsPb.ReadReq.Options): (event: Recorded) => boolean {
  const filter = options.getFilter();
  if (!filter) return () => true;
  const expression = filter.getStreamIdentifier() ?? filter.getEventType();
  const textOf = ({ stream, type }: Recorded) => (filter.hasStreamIdentifier() ? stream : type);
  const regex = expression?.getRegex();
  if (regex) return (event) => new RegExp(regex).test(textOf(event));
  const prefixes = expression?.getPrefixList() ?? [];
  return (event) => prefixes.some((prefix) => textOf(event).startsWith(prefix));
}

const DEFAULT_SEARCH_WINDOW = 32;

/** After so many events a filtered subscription sends a checkpoint; undefined if it has no filter. */
function checkpointIntervalOf(options: streamsPb.ReadReq.Options): number | undefined {
  const filter = options.getFilter();
  return filter && filter.getCheckpointintervalmultiplier() * (filter.getMax() || DEFAULT_SEARCH_WINDOW);
}

function failureOf(stream: string, expected: Expected, outcome: Outcome): Error | undefined {
  if (outcome.kind === 'written') return undefined;
  if (outcome.kind === 'deleted') return deletedStream(stream);
  if (outcome.kind === 'too large') {
    return failure(status.INVALID_ARGUMENT, 'Maximum Append Size Exceeded.', {
      exception: 'maximum-append-size-exceeded',
      'maximum-append-size': outcome.limit,
    });
  }
  return failure(status.FAILED_PRECONDITION, `Append failed due to WrongExpectedVersion. Stream: ${stream}.`, {
    exception: 'wrong-expected-version',
    'stream-name': stream,
    'expected-version': { any: -2, no_stream: -1, stream_exists: -4 }[expected as string] ?? expected,
    'actual-version': outcome.current,
  });
}

function deletedStream(stream: string): Error {
  return failure(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': stream,
  });
}

function failure(code: status, message: string, facts: Record<string, string | number> = {}): Error & { code: status } {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(facts)) metadata.set(name, String(value));
  return Object.assign(new Error(message), { code, details: message, metadata });
}
