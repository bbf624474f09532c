// The alarm for commits that were changed or removed.
import { Counter, type Registry } from 'prom-client';
import type { TamperAlarm } from '../../domain/kernel/feed.js';
import { lazy, type Parts, type Recipes } from './parts.js';

export const alarmParts = {
  tamperAlarm: ({ metrics, log }) => lazy(() => createTamperAlarm(metrics, log)),
} satisfies Partial<Recipes>;

const TAMPERING = {
  modified: 'a stored commit was modified',
  removed: 'a stored commit was removed',
  unprotected: 'its table was replaced, or is not protected against changes',
} as const satisfies Record<Parameters<TamperAlarm>[2], string>;

/** Logs that a stored commit was changed, or can be, and counts it. */
export function createTamperAlarm(registry: Registry, log: Parts['log']): TamperAlarm {
  const count = new Counter({
    name: 'commerce_log_tampering_total',
    help: 'Stored commits that were seen to be modified or removed, or unprotected; any value above 0 needs a person',
    labelNames: ['what'] as const,
    registers: [registry],
  });
  for (const what of Object.keys(TAMPERING)) count.inc({ what }, 0);
  return (stream, commitNo, what) => {
    count.inc({ what });
    log.error({ stream, commitNo }, `THE LOG WAS TAMPERED WITH: ${TAMPERING[what]}`);
  };
}
