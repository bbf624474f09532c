// The metrics of the projectors: lag, and the age of the last sweep at the time of the scrape.
import { expect } from 'chai';
import { Registry } from 'prom-client';
import { hlcOf } from '../../domain/kernel/clock.js';
import { projectionMetrics } from './projection-metrics.js';

describe('The metrics of projectors', () => {
  it('show the lag, and the age of the last sweep as it grows', async () => {
    const registry = new Registry();
    let now = 1_000_000;
    const metrics = projectionMetrics(registry, () => now);
    metrics.applied('orders_v1', 3, 0.25);
    metrics.swept('orders_v1', hlcOf(990_000));
    const age = async () =>
      Number(
        /commerce_projection_sweep_age_seconds\{projection="orders_v1"\} (\S+)/.exec(await registry.metrics())![1],
      );
    expect(await age()).to.equal(10);
    now += 60_000;
    expect(await age()).to.equal(70);
    expect(await registry.metrics()).to.include('commerce_projection_lag_seconds{projection="orders_v1"} 0.25');
  });
});
