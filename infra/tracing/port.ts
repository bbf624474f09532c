// Port of tracing: spans of requests, commands, appends and projections. Without it the product runs as if there were none.
import type { Commit } from '../../domain/kernel/commit.js';

/** Ids, numbers and names of types. Never values of events, which may be personal. */
export type Attributes = Record<string, string | number | boolean>;

export interface SpanOptions {
  attributes?: Attributes;
  /** Correlation ids of what the work is for. The first one that carries a trace is the parent if no span is running. */
  correlationIds?: readonly string[];
}

export interface RequestSpan {
  /** The id of the request with the context of this span. */
  idFor(requestId: string): string;
  /** Runs the work so that its spans are below this one. */
  run(work: () => void): void;
  end(method: string, route: string, status: number): void;
}

export interface Tracing {
  /** Begins the span of a request with this `traceparent` header. */
  request(traceparent: string | undefined): RequestSpan;
  /** Does the work within a span. A rejection of the promise marks the span, by the name of the error alone. */
  span<T>(name: string, options: SpanOptions, work: (add: (more: Attributes) => void) => Promise<T>): Promise<T>;
  /** The span of a batch, and in the trace of each commit one from the commit to the end of the batch. */
  projecting<T>(engine: string, commits: readonly Commit[], work: () => Promise<T>): Promise<T>;
  /** Sends what has ended. For processes that are frozen between two calls. */
  flush(): Promise<void>;
}
