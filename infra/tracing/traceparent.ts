// The trace context of a request, as W3C's `traceparent` header has it, and in the correlation id of events: the envelope of
// events has no other place for it. `01KC….00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`

/** Names a span of a trace. Lower-case hex: 32 and 16 digits, not only zeros. */
export interface TraceContext {
  traceId: string;
  spanId: string;
  isSampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const SAMPLED = 1;

/** Undefined for whatever the recommendation calls invalid. Later versions are read as far as they are like the first one. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(text ?? '') ?? [];
  if (!traceId || !spanId || !flags || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

/** The request id with the context of its span. Unsampled requests keep theirs, so that their events cost nothing more. */
export function withTrace(requestId: string, context: TraceContext): string {
  return context.isSampled ? `${requestId}.00-${context.traceId}-${context.spanId}-01` : requestId;
}

const CARRIED = /\.(00-[0-9a-f]{32}-[0-9a-f]{16}-01)$/;

/** The context that `withTrace` has put into the id. */
export function traceIn(correlationId: string): TraceContext | undefined {
  return parseTraceparent(CARRIED.exec(correlationId)?.[1]);
}
