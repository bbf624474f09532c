import { expect } from 'chai';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { Unavailable } from '../domain/kernel/errors.js';
import { describeWith, freshName } from '../test/engines.js';
import {
  createPool,
  createTableOnce,
  inTransaction,
  isTransient,
  queryWithin,
  requireSearchPath,
  statement,
  textArray,
} from './postgres.js';

describeWith('postgres', 'The common parts of the Postgres adapters', (engines) => {
  let pool: Pool;
  before(() => {
    pool = createPool({ url: engines.postgres() });
  });
  after(() => pool.end());

  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('passes any texts as a binary array', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', ''))),
        async (texts) => {
          const { rows } = await pool.query('select array(select unnest($1::text[])) as texts', [textArray(texts)]);
          expect(rows[0].texts).to.deep.equal(texts);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('reads 64-bit integers as numbers, and rejects those that a number cannot hold', async () => {
    const { rows } = await pool.query('select 9007199254740991::bigint as n');
    expect(rows[0].n).to.equal(Number.MAX_SAFE_INTEGER);
    const tooLarge = await failure(pool.query('select 9007199254740992::bigint as n'));
    expect(tooLarge).to.be.instanceOf(RangeError);
  });

  it('makes a table once, however many callers ask at the same time', async () => {
    const table = freshName('t');
    const creating = Array.from({ length: 5 }, () => createTableOnce(pool, table, `create table ${table} (n int)`));
    await Promise.all(creating);
    expect((await pool.query(`select * from ${table}`)).rows).to.deep.equal([]);
    await pool.query(`drop table ${table}`);
  });

  it('leaves the search path to the server if the URL says so, and checks that it is the right one', async () => {
    const url = new URL(await engines.freshDatabase());
    await queried(url.href, `alter database ${url.pathname.slice(1)} set search_path = own_aws`);
    url.searchParams.set('search_path', 'server');
    const proxied = createPool({ url: url.href, searchPath: ['ignored'], max: 1 });
    try {
      await requireSearchPath(proxied, ['own_aws']);
      const wrong = await failure(requireSearchPath(proxied, ['other_aws']));
      expect(String(wrong)).to.include('which sets own_aws: set search_path to other_aws');
    } finally {
      await proxied.end();
    }
  });

  async function queried(url: string, statement: string): Promise<void> {
    const direct = createPool({ url, max: 1 });
    await direct.query(statement);
    await direct.end();
  }

  it('makes tables of the log in the last schema of the search path, and those of the read models in the first', async () => {
    const [readModels, log, table] = [freshName('s'), freshName('s'), freshName('t')];
    const both = createPool({ url: engines.postgres(), searchPath: [readModels, log], max: 1 });
    try {
      for (const schema of [readModels, log]) await both.query(`create schema ${schema}`);
      await createTableOnce(both, table, `create table ${table} as select 'log' as place`);
      expect((await both.query(`select place from ${table}`)).rows).to.deep.equal([{ place: 'log' }]);
      await createTableOnce(both, table, `create table ${table} as select 'read models' as place`, 'read models');
      expect((await both.query(`select place from ${log}.${table}`)).rows).to.deep.equal([{ place: 'log' }]);
      expect((await both.query(`select place from ${table}`)).rows).to.deep.equal([{ place: 'read models' }]);
    } finally {
      await both.query(`drop schema ${readModels}, ${log} cascade`);
      await both.end();
    }
  });

  it('rolls back a failed transaction', async () => {
    const table = freshName('t');
    const bug = new Error('a bug');
    const thrown = await failure(
      inTransaction(pool, async (client) => {
        await client.query(`create table ${table} (n int)`);
        throw bug;
      }),
    );
    expect(thrown).to.equal(bug);
    expect((await pool.query('select to_regclass($1) as found', [table])).rows).to.deep.equal([{ found: null }]);
  });

  it('survives a borrowed connection that breaks', async () => {
    const client = await pool.connect();
    const broken = new Promise((resolve) => client.once('end', resolve));
    const { rows } = await client.query('select pg_backend_pid() as pid');
    await pool.query('select pg_terminate_backend($1)', [rows[0].pid]);
    await broken;
    expect(isTransient(await failure(client.query('select 1')))).to.equal(true);
    client.release(true);
  });

  it('abandons a statement without an answer, and reports it', async () => {
    const hanging = queryWithin({ pool, budgetMs: 50 }, 'hang', 'select pg_sleep(60)', []);
    expect(await failure(hanging)).to.be.instanceOf(Unavailable);
  });

  it('knows which errors a retry may avoid', async () => {
    const small = createPool({ url: engines.postgres(), max: 1 });
    const cut = 'select pg_terminate_backend(pg_backend_pid())';
    const mendable = [
      failure(small.query(cut)),
      failure(small.query(statement('sleep', 'select pg_sleep(5)', [], 20))),
      failure(createPool({ url: 'postgres://127.0.0.1:1/none' }).query('select 1')),
    ];
    for (const error of await Promise.all(mendable)) expect(isTransient(error), String(error)).to.equal(true);
    const bugs = ['selec 1', 'select 1/0', 'select * from no_such_table'];
    for (const text of bugs) expect(isTransient(await failure(small.query(text))), text).to.equal(false);
    expect(isTransient(new TypeError('x is not a function'))).to.equal(false);
    await small.end();
  });
});
