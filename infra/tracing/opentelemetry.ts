// Tracing by OpenTelemetry, sent to a collector by OTLP over HTTP. Loaded only where an endpoint is configured. A collector that
// does not answer costs spans, never a request: the queue is bounded.
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import { millisOf } from '../../domain/kernel/clock.js';
import type { Commit } from '../../domain/kernel/commit.js';
import type { TracesConfig } from '../shop-config.js';
import type { Tracing } from './port.js';
import { parseTraceparent, type TraceContext, traceIn, withTrace } from './traceparent.js';

/** An answer may wait for this long for the collector where a process is frozen after it. */
const EXPORT_TIMEOUT_MS = 2_000;

/** Spans that wait for the collector. Further ones are dropped. */
export const MAX_QUEUED_SPANS = 2_048;

/** Other traces that a span names. */
export const MAX_LINKS = 32;

export interface OpenTracing extends Tracing {
  /** Sends the rest. */
  close(): Promise<void>;
}

export function createTracing({ endpoint, ratio, service }: TracesConfig): OpenTracing {
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/$/, '')}/v1/traces`,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const sampled = new TraceIdRatioBasedSampler(ratio);
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    // A caller may choose its trace id, and may leave itself out, but cannot have more than its share recorded.
    sampler: new ParentBasedSampler({ root: sampled, remoteParentSampled: sampled }),
    spanProcessors: [
      new BatchSpanProcessor(exporter, { maxQueueSize: MAX_QUEUED_SPANS, exportTimeoutMillis: EXPORT_TIMEOUT_MS }),
    ],
  });
  const tracer = provider.getTracer('commerce');
  const running = new AsyncLocalStorage<Context>();

  async function within<T>(span: Span, work: () => Promise<T>): Promise<T> {
    try {
      return await running.run(trace.setSpan(ROOT_CONTEXT, span), work);
    } catch (error) {
      // Messages of errors may have personal data.
      span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', (error as Error).name);
      throw error;
    } finally {
      span.end();
    }
  }

  return {
    request(traceparent) {
      const parent = parseTraceparent(traceparent);
      const span = tracer.startSpan('request', { kind: SpanKind.SERVER }, parent ? remote(parent) : ROOT_CONTEXT);
      return {
        idFor: (requestId) => withTrace(requestId, contextOf(span)),
        run: (work) => running.run(trace.setSpan(ROOT_CONTEXT, span), work),
        end(method, route, status) {
          span.updateName(`${method} ${route}`);
          span.setAttributes({
            'http.request.method': method,
            'http.route': route,
            'http.response.status_code': status,
          });
          if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
          span.end();
        },
      };
    },

    span(name, { attributes = {}, correlationIds = [] }, work) {
      const current = running.getStore();
      const carried = correlationIds.flatMap((id) => traceIn(id) ?? []);
      const first = current ? trace.getSpanContext(current)?.traceId : carried[0]?.traceId;
      const others = carried.filter(({ traceId }) => traceId !== first);
      const parent = current ?? (carried[0] ? remote(carried[0]) : ROOT_CONTEXT);
      const span = tracer.startSpan(name, { attributes, links: linksTo(others) }, parent);
      return within(span, () => work((more) => span.setAttributes(more)));
    },

    async projecting(engine, commits, work) {
      const traces = tracesOf(commits);
      const [first, ...others] = traces.keys();
      if (first === undefined) return work();
      const attributes = { 'commerce.engine': engine, 'commerce.commits': commits.length };
      const links = linksTo(others.flatMap((id) => traces.get(id)?.context ?? []));
      const kind = SpanKind.CONSUMER;
      const parent = remote((traces.get(first) as Traced).context);
      const batch = tracer.startSpan(`project ${engine}`, { kind, attributes, links }, parent);
      const result = await within(batch, work);
      const end = Date.now();
      for (const { context, commit } of traces.values()) {
        const { stream, position } = commit;
        const startTime = Math.min(millisOf(position.at), end);
        const attributes = { 'commerce.stream': stream, 'commerce.commit_no': position.commitNo };
        const options = { startTime, attributes, links: linksTo([contextOf(batch)]) };
        tracer.startSpan(`visible in ${engine}`, options, remote(context)).end(end);
      }
      return result;
    },

    flush: () => provider.forceFlush().catch(() => {}),
    close: () => provider.shutdown().catch(() => {}),
  };
}

interface Traced {
  context: TraceContext;
  /** The latest of this trace in the batch. */
  commit: Commit;
}

/** By trace id. */
function tracesOf(commits: readonly Commit[]): Map<string, Traced> {
  const traces = new Map<string, Traced>();
  for (const commit of commits) {
    for (const { correlationId } of commit.events) {
      const context = traceIn(correlationId);
      if (context && (traces.has(context.traceId) || traces.size < MAX_LINKS))
        traces.set(context.traceId, { context, commit });
    }
  }
  return traces;
}

function remote({ traceId, spanId, isSampled }: TraceContext): Context {
  const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

function contextOf(span: Span): TraceContext {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return { traceId, spanId, isSampled: (traceFlags & TraceFlags.SAMPLED) !== 0 };
}

function linksTo(contexts: readonly TraceContext[]): Link[] {
  return contexts.slice(0, MAX_LINKS).map(({ traceId, spanId }) => ({
    context: { traceId, spanId, traceFlags: TraceFlags.SAMPLED },
  }));
}
