// The background work, with a free lock, a feed that brings nothing, and a store that does not answer.
import { EventEmitter } from 'node:events';
import { expect } from 'chai';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { ProjectorHost } from '../../projections/runtime/host.js';
import { runBackground } from './background.js';
import type { Shop } from './open-shop.js';

describe('The background of a shop', () => {
  it('reports the projections that stand still while this process hosts them', async () => {
    const stop = new AbortController();
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
      ['postgres', { pool: { connect: async () => freeLock() } }],
      ['feed', { run: (_consumer: string, _handle: unknown, signal: AbortSignal) => aborted(signal) }],
      ['readModels', { projectors: [projector] }],
      ['eventStore', { watermark: async () => 0 }],
      ['config', { comparePerSecond: 50 }],
      ['projectorHosts', hosts],
      ['queries', { agenda: { due: async () => [] } }],
      ['agendaHandlers', {}],
      ['clock', Date.now],
      ['log', { info() {}, warn() {}, error() {} }],
    ]);
    const shop = { get: async (token: unknown) => parts.get(token) } as unknown as Shop;

    const running = runBackground(shop, stop.signal);
    await question;
    await new Promise(setImmediate);
    const standingStill = [...hosts].flatMap((host) => host.readiness());
    expect(standingStill.map(({ projection, waitsFor }) => [projection, waitsFor])).to.deep.equal([
      ['catalogue_v1', 'MongoDB'],
    ]);
    stop.abort();
    await running;
    expect(hosts).to.have.property('size', 0);
  });
});

/** A connection to a server whose lock is free. */
function freeLock() {
  const query = async () => ({ rows: [{ taken: true }] });
  return Object.assign(new EventEmitter(), { query, release() {} });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
}
