// Manipulates a stored log in Postgres as somebody with all rights could: verify and verify --archive have to find each, and name the
// commit. `npm run test:tamper` tries more of each kind.

import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import type { Pool, PoolClient } from 'pg';
import type { StoredCommit } from '../domain/kernel/commit.js';
import { streamId } from '../domain/kernel/stream.js';
import { type ArchiveRound, createArchiver } from '../infra/archive/archiver.js';
import { LogChanged } from '../infra/archive/prove.js';
import { noteSigner, noteVerifier } from '../infra/archive/signed-note.js';
import { verifyArchive } from '../infra/archive/verify-archive.js';
import { createCommitCodec, hashOf, partitionOf } from '../infra/event-store/codec.js';
import { createPostgresEventStore } from '../infra/event-store/postgres/postgres-event-store.js';
import { createPostgresLoader } from '../infra/event-store/postgres/postgres-loader.js';
import { exportLog } from '../infra/log-file/export-log.js';
import { type StoreReport, verifyStore } from '../infra/log-file/verify-store.js';
import { createPool } from '../infra/postgres.js';
import { randomOf } from '../scripts/random.js';
import { notes } from './contracts/notes.js';
import { describeWith } from './engines.js';
import { createTestLog, oneOf } from './exported-log.js';
import { createMemoryArchive, createMemoryIndex, emptyIndex } from './memory-archive.js';

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const ROUNDS = process.env.TAMPER === undefined ? 1 : 10;

type Random = () => number;
type Place = [stream: string, commitNo: number];

/** Changes the table, and returns the commit that has to be named. */
type Manipulation = (sql: Sql, commits: readonly StoredCommit[], random: Random) => Promise<Place>;
type Sql = (text: string, values?: unknown[]) => Promise<unknown>;

const update =
  (set: string): Manipulation =>
  async (sql, commits, random) => {
    const { pk, sk } = oneOf(random, commits);
    await sql(`update events set ${set} where pk = $1 and sk = $2`, [pk, sk]);
    return [pk, sk];
  };

/** The commits that are not the last ones of their streams. */
const notLast = (commits: readonly StoredCommit[]) =>
  commits.filter(({ pk, sk }) => commits.some((other) => other.pk === pk && other.sk > sk));

/** Found by the chains alone. */
const inChains: Record<string, Manipulation> = {
  'changes an event': update(`ev = replace(ev, 'ann', 'bob')`),
  'breaks the events': update(`ev = '['`),
  'changes the command ids': update(`cs = '["x"]'`),
  'breaks the command ids': update(`cs = '["x"'`),
  'has command ids that are no list': update(`cs = '{"a":1}'`),
  'changes the time': update('at = at + 1'),
  'sets the time to zero': update('at = 0'),
  'makes the time negative': update('at = -1'),
  'moves the time into the future': update('at = at + 1000000000000000'),
  'changes the format': update('f = 2'),
  'changes the partition': update('lp = (lp + 1) % 64'),
  'changes the versions': update('fv = fv + 1, lv = lv + 1'),
  'changes the hash': update(`h = repeat('1', 64)`),
  'changes the previous hash': update(`ph = repeat('1', 64)`),
  // The last commit of a stream would be named by its new number: only the archive knows that the stream had it.
  'gives a commit another number': async (sql, commits, random) => {
    const { pk, sk } = oneOf(random, notLast(commits));
    await sql('update events set sk = sk + 1000 where pk = $1 and sk = $2', [pk, sk]);
    return [pk, sk];
  },
  'moves a commit to another stream': async (sql, commits, random) => {
    const { pk, sk } = oneOf(random, commits);
    await sql(`update events set pk = 'note#moved' where pk = $1 and sk = $2`, [pk, sk]);
    return ['note#moved', sk];
  },
  'removes a commit from the middle': async (sql, commits, random) => {
    const { pk, sk } = oneOf(random, notLast(commits));
    await sql('delete from events where pk = $1 and sk = $2', [pk, sk]);
    return [pk, sk];
  },
  'doubles a commit': async (sql, commits, random) => {
    const { pk, sk } = oneOf(random, commits);
    const columns = 'f, fv, lv, ev, at, cs, ph, h, lp';
    await sql(
      `insert into events (pk, sk, ${columns}) select pk, sk + 1000, ${columns} from events where pk = $1 and sk = $2`,
      [pk, sk],
    );
    return [pk, sk + 1000];
  },
};

/** Leaves all chains whole, so only the comparison with the archive shows it. */
const inArchive = {
  'removes the end of a stream': async (sql, commits, random) => {
    const { pk, sk } = oneOf(random, commits);
    await sql('delete from events where pk = $1 and sk >= $2', [pk, sk]);
    return [pk, sk];
  },
  'rewrites a stream with new hashes': async (sql, commits, random) => {
    const first = oneOf(random, commits);
    const rest = commits.filter(({ pk, sk }) => pk === first.pk && sk >= first.sk);
    let { ph } = first;
    for (const commit of rest) {
      const changed = { ...commit, ev: commit.ev.replace('ann', 'eve'), ph };
      const h = hashOf(changed);
      await sql('update events set ev = $3, ph = $4, h = $5 where pk = $1 and sk = $2', [
        commit.pk,
        commit.sk,
        changed.ev,
        ph,
        h,
      ]);
      ph = h;
    }
    return [first.pk, first.sk];
  },
  'inserts a stream in the past': async (sql, commits, random) => {
    const first = oneOf(
      random,
      commits.filter(({ sk }) => sk === 1),
    );
    const inserted = { ...first, pk: streamId('note', 'inserted') };
    const columns = 'sk, f, fv, lv, ev, at, cs, ph';
    await sql(
      `insert into events (pk, ${columns}, h, lp) select $3, ${columns}, $4, $5 from events where pk = $1 and sk = $2`,
      [first.pk, first.sk, inserted.pk, hashOf(inserted), partitionOf(inserted.pk)],
    );
    return ['note#inserted', 1];
  },
} satisfies Record<string, Manipulation>;

describeWith('postgres', `A manipulated log in Postgres (SEED=${SEED})`, function (engines) {
  this.timeout(120_000);
  const random = randomOf(SEED);
  let pool: Pool;
  let client: PoolClient;
  let commits: StoredCommit[];
  let round: ArchiveRound;
  const index = createMemoryIndex(emptyIndex());
  const archive = createMemoryArchive();
  const signer = noteSigner('commerce-core/test', generateKeyPairSync('ed25519').privateKey);
  before(async () => {
    pool = createPool({ url: await engines.freshDatabase(), max: 1 });
    const log = createTestLog(random, 'commerce-core/test', Date.now() - 600_000);
    await log.grow(150);
    commits = await log.stored();
    await (await createPostgresLoader(pool)).load(commits);
    client = await pool.connect();
    await client.query('alter table events disable trigger events_append_only');
    await client.query('grant update, delete on events to current_user');
    round = await createArchiver({ store: storeIn(client), archive, index, signer, clock: Date.now }).run();
  });
  after(async () => {
    client.release();
    await pool.end();
  });

  /** Sees the uncommitted changes. */
  function storeIn(connection: PoolClient) {
    return createPostgresEventStore({ pool: connection as unknown as Pool, codec: createCommitCodec(notes) });
  }

  async function verified(): Promise<{ chains: Place[]; log: Place[]; archive: Place[] }> {
    const store = storeIn(client);
    const deps = { store, index, archive };
    const chains = await verifyStore({ ...deps, head: { size: 0, upTo: 0 } }, { now: Date.now() });
    const log = await verifyStore({ ...deps, head: round.head }, { now: Date.now() });
    const found: Place[] = [];
    await verifyArchive(
      { archive, index, store, log: noteVerifier(signer.verifierKey) },
      {
        onProblem: ({ stream, commitNo }) =>
          stream !== undefined && commitNo !== undefined && found.push([stream, commitNo]),
      },
    );
    return { chains: placesOf(chains), log: placesOf(log), archive: found };
  }

  async function manipulated(
    manipulate: Manipulation,
  ): Promise<{ expected: Place; found: Awaited<ReturnType<typeof verified>> }> {
    await client.query('begin');
    try {
      const sql: Sql = (text, values) => client.query(text, values);
      const expected = await manipulate(sql, commits, random);
      return { expected, found: await verified() };
    } finally {
      await client.query('rollback');
    }
  }

  it('raises no alarm while it is clean', async () => {
    expect(await verified()).to.deep.equal({ chains: [], log: [], archive: [] });
  });

  for (const [name, manipulate] of Object.entries(inChains)) {
    it(`${name}: the chains show it`, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const { expected, found } = await manipulated(manipulate);
        expect(found.chains).to.deep.include(expected);
        expect(found.log).to.deep.include(expected);
      }
    });
  }

  for (const [name, manipulate] of Object.entries(inArchive)) {
    it(`${name}: the comparison with the archive shows it`, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const { expected, found } = await manipulated(manipulate);
        expect(found.chains).to.deep.equal([]);
        expect(found.log).to.deep.equal([expected]);
        expect(found.archive).to.deep.include(expected);
      }
    });
  }

  for (const name of ['removes the end of a stream', 'rewrites a stream with new hashes'] as const) {
    it(`${name}: an export of the whole log is refused, and names the commit`, async () => {
      await client.query('begin');
      const sql: Sql = (text, values) => client.query(text, values);
      const [stream, commitNo] = await inArchive[name](sql, commits, random);
      const deps = { ...round, store: storeIn(client), index, archive, origin: signer.name };
      const error = await exportLog(deps, () => {}).catch((caught: unknown) => caught);
      await client.query('rollback');
      expect(error).to.be.instanceOf(LogChanged);
      expect((error as LogChanged).message)
        .to.match(/^Commit \d+ of /)
        .and.include(`Commit ${commitNo} of ${stream} is`);
    });
  }
});

function placesOf({ problems }: StoreReport): Place[] {
  return problems.flatMap((found): Place[] => ('stream' in found ? [[found.stream, found.commitNo]] : []));
}
