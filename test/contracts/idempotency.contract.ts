// The contract of every store of idempotency records.
import { expect } from 'chai';
import {
  type Begun,
  digest,
  type IdempotencyStore,
  MAX_ANSWER_BYTES,
  RECORD_TTL_MS,
  type RequestRun,
  RUN_LEASE_MS,
  recordIdOf,
} from '../../infra/idempotency/port.js';
import { freshName } from '../engines.js';

const NOW = Date.UTC(2026, 10, 23);

/** `open` is called once per test. The stores that it returns may share an engine. */
export function idempotencyContract(open: () => Promise<IdempotencyStore>): void {
  let store: IdempotencyStore;
  let id: string;

  beforeEach(async () => {
    store = await open();
    id = freshName('request');
  });

  async function run(now = NOW, request = 'a'): Promise<RequestRun> {
    const begun = await store.begin(id, request, now);
    expect(begun.state).to.equal('run');
    return (begun as Begun & { state: 'run' }).run;
  }

  async function expectAnswer(text: string, ...request: Parameters<IdempotencyStore['begin']>): Promise<void> {
    const begun = await store.begin(...request);
    expect(begun.state === 'answered' && Buffer.from(begun.answer).toString()).to.equal(text);
  }

  it('lets the first request run, and repeats its answer to all others', async () => {
    const first = await run();
    expect(first.issuedAt).to.equal(NOW);
    await store.finish(first, bytes('done'));
    await expectAnswer('done', id, 'a', NOW + 1);
    await expectAnswer('done', id, 'a', NOW + RUN_LEASE_MS + 1);
  });

  it('lets one of twenty concurrent requests run', async () => {
    const begun = await Promise.all(Array.from({ length: 20 }, () => store.begin(id, 'a', NOW)));
    const states = begun.map(({ state }) => state).sort();
    expect(states).to.deep.equal(['run', ...Array(19).fill('running')]);
  });

  it('forgets the records of one caller, and no other', async () => {
    const ids = ['customer_ada', 'customer_ada1', 'customer_bob'].map((name) => {
      const caller = { role: 'customer', id: `${id}-${name}` } as const;
      return { caller, of: (n: number) => recordIdOf(caller, digest(`${n}`)) };
    });
    const [ada, ...others] = ids as [(typeof ids)[0], ...typeof ids];
    for (const one of ids) {
      for (const n of [1, 2]) {
        const begun = await store.begin(one.of(n), 'a', NOW);
        if (begun.state === 'run') await store.finish(begun.run, bytes('done'));
      }
    }
    await store.forget(ada.caller);
    await store.forget(ada.caller);
    for (const other of others) for (const n of [1, 2]) await expectAnswer('done', other.of(n), 'a', NOW + 1);
    for (const n of [1, 2]) expect((await store.begin(ada.of(n), 'b', NOW + 1)).state).to.equal('run');
  });

  it('detects another request with the same key, while the first runs and after it', async () => {
    const first = await run();
    expect(await store.begin(id, 'b', NOW)).to.deep.equal({ state: 'mismatch' });
    await store.finish(first, bytes('done'));
    expect(await store.begin(id, 'b', NOW)).to.deep.equal({ state: 'mismatch' });
  });

  it('lets a repeat take over a crashed run once its lease has expired, with the time of the first attempt', async () => {
    await run();
    expect(await store.begin(id, 'a', NOW + RUN_LEASE_MS - 1)).to.deep.equal({ state: 'running' });
    const second = await run(NOW + RUN_LEASE_MS);
    expect(second.issuedAt).to.equal(NOW);
  });

  it('lets one of twenty take a crashed run over', async () => {
    await run();
    const begun = await Promise.all(Array.from({ length: 20 }, () => store.begin(id, 'a', NOW + RUN_LEASE_MS)));
    expect(begun.filter(({ state }) => state === 'run')).to.have.length(1);
  });

  it('does not let a slow run overwrite the answer of the run that took it over', async () => {
    const slow = await run();
    const second = await run(NOW + RUN_LEASE_MS);
    await store.finish(slow, bytes('too late'));
    expect(await store.begin(id, 'a', NOW + RUN_LEASE_MS)).to.deep.equal({ state: 'running' });
    await store.finish(second, bytes('second'));
    await store.finish(slow, bytes('too late'));
    await store.release(slow);
    await expectAnswer('second', id, 'a', NOW + RUN_LEASE_MS);
  });

  it('lets a repeat run at once after a release, with the time of the first attempt, and only the same request', async () => {
    await store.release(await run());
    expect(await store.begin(id, 'b', NOW + 5)).to.deep.equal({ state: 'mismatch' });
    const second = await run(NOW + 5);
    expect(second.issuedAt).to.equal(NOW);
  });

  it('forgets a record after its expiry, whatever its state', async () => {
    await store.finish(await run(), bytes('done'));
    expect((await run(NOW + RECORD_TTL_MS, 'b')).issuedAt).to.equal(NOW + RECORD_TTL_MS);
  });

  it('keeps the longest answer', async () => {
    const answer = Buffer.alloc(MAX_ANSWER_BYTES, 'x');
    await store.finish(await run(), answer);
    const begun = await store.begin(id, 'a', NOW);
    expect(begun.state === 'answered' && begun.answer.length).to.equal(MAX_ANSWER_BYTES);
  });
}

const bytes = (text: string): Buffer => Buffer.from(text);
