// Prometheus histogram of HTTP request durations by route.
import { Histogram, type Registry } from 'prom-client';

/** In seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** `startedAt` is a `performance.now()`. */
export type Observe = (status: number, startedAt: number) => void;

export interface HttpMetrics {
  route(method: string, path: string): Observe;
  /** Requests that match no endpoint. Their paths are chosen by callers, so they cannot be labels. */
  unmatched: Observe;
}

export function createHttpMetrics(registry: Registry): HttpMetrics {
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the start of a request to the end of its answer, by endpoint and status.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: BUCKETS,
    registers: [registry],
  });

  /** Each status keeps its series. Finding a series by its labels takes longer than counting. */
  function route(method: string, path: string): Observe {
    const series = new Map<number, ReturnType<typeof durations.labels>>();
    return (status, startedAt) => {
      const found = series.get(status) ?? durations.labels({ method, route: path, status });
      series.set(status, found);
      found.observe((performance.now() - startedAt) / 1000);
    };
  }
  return { route, unmatched: route('any', 'unmatched') };
}
