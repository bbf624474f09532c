// The endpoints of projections on rebuilds that are a list in memory.
import { expect } from 'chai';
import { Problem } from '../../domain/kernel/errors.js';
import type { BuildReport, ProjectionReport, RebuildOptions, Rebuilds } from '../../projections/rebuild/rebuilds.js';
import { callerOf, problemOf } from '../../test/call-endpoint.js';
import { projectionEndpoints } from './projections.js';

const OPS = { role: 'ops', id: 'staff_olga' } as const;

describe('The endpoints of projections', () => {
  const waiting: BuildReport = {
    build: 2,
    version: '7.2',
    phase: 'waiting',
    commits: { done: 0, total: 0 },
    perSecond: 0,
  };
  const orders: ProjectionReport = {
    name: 'orders',
    version: '7.1',
    sweptTo: 5,
    lag: { commits: 1, seconds: 2, atLeast: false },
    paused: false,
    quarantine: [{ stream: 'order#1', commitNo: 2, error: 'broken', since: '2026-01-01T00:00:00.000Z' }],
    builds: [{ build: 1, version: '7.1', phase: 'serving' }, waiting],
  };
  let asked: RebuildOptions | undefined;
  const rebuilds: Rebuilds = {
    names: ['orders', 'stock'],
    report: async () => [orders],
    async build(name, build) {
      if (build === 2) return waiting;
      throw new Problem('not_found', `${name} has no build ${build} any more.`);
    },
    async request(_, options) {
      asked = options;
      return waiting;
    },
    rollback: async () => ({ build: 1, version: '7.1', phase: 'serving' }),
    run: async () => waiting,
    attend: async () => {},
  };
  const call = callerOf(projectionEndpoints({ rebuilds }));

  it('show each projection with its version, lag and builds', async () => {
    const { body } = await call('get /v1/ops/projections', { caller: OPS });
    const { sweptTo: _, quarantine, ...shown } = orders;
    expect(body).to.deep.equal({ data: [{ ...shown, quarantine: quarantine.length }] });
  });

  it('begin a rebuild, whose address shows its progress', async () => {
    const begun = await call('post /v1/ops/projections/orders/rebuilds', { caller: OPS, body: { verify: 'full' } });
    expect([begun.status, begun.body, begun.headers]).to.deep.equal([
      202,
      waiting,
      { Location: '/v1/ops/projections/orders/rebuilds/2' },
    ]);
    expect(asked).to.deep.equal({ verify: 'full' });
    const place = 'get /v1/ops/projections/orders/rebuilds';
    expect((await call(`${place}/2`, { caller: OPS })).body).to.deep.equal(waiting);
    await problemOf(call(`${place}/x`, { caller: OPS }), 'not_found');
  });

  it('roll back', async () => {
    const { body } = await call('post /v1/ops/projections/orders/rollback', { caller: OPS });
    expect(body).to.deep.equal({ name: 'orders', version: '7.1' });
  });

  it('say of an unknown projection which there are', async () => {
    for (const path of ['rebuilds', 'rollback']) {
      const problem = await problemOf(call(`post /v1/ops/projections/x/${path}`, { caller: OPS }), 'not_found');
      expect(problem.message).to.equal('There is no projection x; there are: orders, stock.');
    }
  });
});
