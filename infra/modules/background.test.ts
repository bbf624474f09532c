// The background work, with a free lease, a feed that brings nothing, and a store that does not answer.
import { expect } from 'chai';
import { Registry } from 'prom-client';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { ProjectorHost } from '../../projections/runtime/host.js';
import { runBackground } from './background.js';
import { createLeadership } from './leadership.js';
import type { Shop } from './open-shop.js';

describe('The background of a shop', () => {
  it('reports the projections that stand still while this process hosts them', async () => {
    const stop = new AbortController();
    const registry = new Registry();
    const hosts = new Set<Pick<ProjectorHost, 'readiness'>>();
    let asked = () => {};
    const question = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const fail = async () => {
      asked();
      throw new Unavailable('MongoDB', 'away');
    };
    const projector = { engine: 'MongoDB', names: ['catalogue_v1'], retry: fail, sweepState: fail };
    const parts = new Map<unknown, unknown>([
      ['leases', { look: async () => undefined, take: async () => 1, beat: async () => true, release: async () => {} }],
      ['leadership', createLeadership(registry)],
      ['feed', { run: (_consumer: string, _handle: unknown, signal: AbortSignal) => aborted(signal) }],
      ['rebuilds', { attend: async () => {} }],
      ['reconciliation', {}],
      ['readModels', { projectors: [projector] }],
      ['eventStore', { watermark: async () => 0 }],
      ['config', { comparePerSecond: 50 }],
      ['projectorHosts', hosts],
      ['queries', { agenda: { current: async () => ({ due: async () => [] }) } }],
      ['agendaHandlersOf', () => ({})],
      ['viewStream', { consume: (_handle: unknown, signal: AbortSignal) => aborted(signal) }],
      ['clock', Date.now],
      ['log', { info() {}, warn() {}, error() {} }],
    ]);
    const config = { profile: 'embedded', namespace: 'commerce' };
    const shop = { config, get: async (token: unknown) => parts.get(token) } as unknown as Shop;

    const running = runBackground(shop, stop.signal);
    await question;
    await new Promise(setImmediate);
    const standingStill = [...hosts].flatMap((host) => host.readiness());
    expect(standingStill.map(({ projection, waitsFor }) => [projection, waitsFor])).to.deep.equal([
      ['catalogue_v1', 'MongoDB'],
    ]);
    expect(await registry.metrics())
      .to.include('commerce_leader 1')
      .and.to.include('commerce_leader_term 1');
    stop.abort();
    await running;
    expect(await registry.metrics()).to.include('commerce_leader 0');
    expect(hosts).to.have.property('size', 0);
  });
});

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
}
