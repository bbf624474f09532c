// A collector for tests: takes OTLP over HTTP, as JSON, and keeps the spans.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedSpan {
  name: string;
  traceId: string;
  spanId: string;
  /** Absent for a span without a parent. */
  parentSpanId?: string;
  attributes: Record<string, unknown>;
  links: string[];
  startMs: number;
  endMs: number;
}

export interface Collector {
  url: string;
  spans: ReceivedSpan[];
  /** Everything that was sent, as it was sent. */
  text(): string;
  close(): Promise<void>;
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}

export async function startCollector(): Promise<Collector> {
  const spans: ReceivedSpan[] = [];
  let text = '';
  const server = createServer((req, res) => {
    let body = '';
    req.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    req.on('end', () => {
      text += body;
      if (req.url === '/v1/traces') spans.push(...spansIn(JSON.parse(body)));
      res.writeHead(req.url === '/v1/traces' ? 200 : 404, { 'Content-Type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    text: () => text,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: the format of the protocol
function spansIn({ resourceSpans }: any): ReceivedSpan[] {
  // biome-ignore lint/suspicious/noExplicitAny: the format of the protocol
  const all = resourceSpans.flatMap(({ scopeSpans }: any) => scopeSpans.flatMap(({ spans }: any) => spans));
  // biome-ignore lint/suspicious/noExplicitAny: the format of the protocol
  return all.map(({ name, traceId, spanId, parentSpanId, attributes = [], links = [], ...times }: any) => ({
    name,
    traceId,
    spanId,
    ...(parentSpanId && { parentSpanId }),
    attributes: Object.fromEntries(attributes.map(({ key, value }: Attribute) => [key, Object.values(value)[0]])),
    links: links.map((link: { traceId: string }) => link.traceId),
    startMs: Number(times.startTimeUnixNano) / 1e6,
    endMs: Number(times.endTimeUnixNano) / 1e6,
  }));
}
