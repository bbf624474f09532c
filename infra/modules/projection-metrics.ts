// Prometheus metrics of the projectors.
import { Counter, Gauge, type Registry } from 'prom-client';
import { type Clock, millisOf } from '../../domain/kernel/clock.js';
import type { ProjectionMetrics } from '../../projections/runtime/projector.js';

export function projectionMetrics(registry: Registry, clock: Clock): ProjectionMetrics {
  const labelNames = ['projection'] as const;
  const registers = [registry];
  const applied = new Counter({
    name: 'commerce_projection_applied_commits_total',
    help: 'Commits applied to the read model',
    labelNames,
    registers,
  });
  const lag = new Gauge({
    name: 'commerce_projection_lag_seconds',
    help: 'Age of the newest applied commit when it was applied',
    labelNames,
    registers,
  });
  const swept = new Gauge({
    name: 'commerce_projection_swept_to_seconds',
    help: 'Commit time up to which the read model was compared with the whole log, in seconds since 1970',
    labelNames,
    registers,
  });
  const sweptTo = new Map<string, number>();
  new Gauge({
    name: 'commerce_projection_sweep_age_seconds',
    help: 'Time since the commit time up to which the last sweep compared the read model with the log',
    labelNames,
    registers,
    collect() {
      for (const [projection, ms] of sweptTo) this.set({ projection }, Math.max(0, clock() - ms) / 1000);
    },
  });
  const quarantined = new Counter({
    name: 'commerce_projection_quarantined_total',
    help: 'Streams that stopped at a commit that the projection cannot apply',
    labelNames,
    registers,
  });
  const compared = new Counter({
    name: 'commerce_projection_compared_documents_total',
    help: 'Documents that were compared with the log',
    labelNames,
    registers,
  });
  const differences = new Counter({
    name: 'commerce_projection_differences_total',
    help: 'Documents that differed from the log; they are repaired',
    labelNames,
    registers,
  });
  return {
    applied(projection, commits, lagSeconds) {
      applied.inc({ projection }, commits);
      lag.set({ projection }, lagSeconds);
    },
    swept(projection, at) {
      sweptTo.set(projection, millisOf(at));
      swept.set({ projection }, millisOf(at) / 1000);
    },
    quarantined: (projection) => quarantined.inc({ projection }),
    compared(projection, documents, different) {
      compared.inc({ projection }, documents);
      differences.inc({ projection }, different);
    },
  };
}
