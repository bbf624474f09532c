// Whether this process leads: hosts the projectors and the agenda. For the metrics.
import { Gauge, type Registry } from 'prom-client';
import type { Fence } from '../../domain/kernel/event-store.js';
import type { ShopConfig } from '../shop-config.js';
import { schemasOf } from '../stores/schemas.js';

export interface Leadership {
  /** Runs the work of a term, and shows meanwhile that this process leads. */
  during<T>(fence: Fence, work: () => Promise<T>): Promise<T>;
}

/** Each profile and namespace has its own read models, and so a leader of its own. */
export function leaseOf(config: ShopConfig): string {
  return `background/${schemasOf(config).readModels}`;
}

export function createLeadership(registry: Registry): Leadership {
  const registers = [registry];
  const leads = new Gauge({
    name: 'commerce_leader',
    help: '1 while this process hosts the projectors and the agenda, otherwise 0',
    registers,
  });
  const term = new Gauge({
    name: 'commerce_leader_term',
    help: 'Number of the last term in which this process led; it grows with every change of the leader',
    registers,
  });
  return {
    async during({ token }, work) {
      leads.set(1);
      term.set(token);
      try {
        return await work();
      } finally {
        leads.set(0);
      }
    },
  };
}
