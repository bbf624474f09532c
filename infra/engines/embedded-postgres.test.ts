// The embedded Postgres when several programs share one data folder, and when they are killed.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import pg from 'pg';
import { describeWith } from '../../test/engines.js';
import { openPostgres, type RunningPostgres, stopLeftoverPostgres } from './embedded-postgres.js';
import { ClosedFolder } from './errors.js';

describeWith([], 'The embedded Postgres', () => {
  let folder: string;
  let dataDir: string;
  const opened: RunningPostgres[] = [];
  const programs: ChildProcess[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'commerce-postgres-'));
    await chmod(folder, 0o755);
    dataDir = join(folder, 'shared');
  });

  afterEach(async () => {
    for (const program of programs.splice(0)) program.kill('SIGKILL');
    for (const server of opened.splice(0)) await server.stop();
    for (const name of await readdir(folder)) await stopLeftoverPostgres(join(folder, name));
  });

  after(() => rm(folder, { recursive: true }));

  const openServer = async (on = dataDir): Promise<RunningPostgres> => {
    const server = await openPostgres({ dataDir: on });
    opened.push(server);
    return server;
  };

  /** Another program that opens the folder and keeps running. Returns its URL. */
  const startProgram = async (on = dataDir): Promise<{ program: ChildProcess; url: string }> => {
    const program = spawn(process.execPath, ['--import', 'tsx', '-e', OPEN_AND_STAY, on], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    programs.push(program);
    const [line] = await once(program.stdout as NodeJS.ReadableStream, 'data');
    return { program, url: String(line).trim() };
  };

  it('keeps its data and its address over a restart', async () => {
    const first = await openServer();
    await query(first.url, "create table kept as select 'still here' as word");
    await first.stop();
    const second = await openServer();
    expect(second.url).to.equal(first.url);
    expect(await query(second.url, 'select word from kept')).to.deep.equal([{ word: 'still here' }]);
  });

  it('sorts by code point, and gives its user no more rights than the database needs', async () => {
    const { url } = await openServer();
    const rows = await query(url, "select word from (values ('b'), ('ä'), ('B'), ('a')) as t(word) order by word");
    expect(rows.map(({ word }) => word)).to.deep.equal(['B', 'a', 'b', 'ä']);
    expect(await query(url, 'select rolsuper from pg_roles where rolname = current_user')).to.deep.equal([
      { rolsuper: false },
    ]);
  });

  it('is joined by later programs, and stops when the last one leaves, whichever started it', async () => {
    const starter = await openServer();
    const joiner = await openServer();
    expect([starter.owned, joiner.owned, joiner.url]).to.deep.equal([true, false, starter.url]);
    await starter.stop();
    expect(await query(joiner.url, 'select 1 as one')).to.deep.equal([{ one: 1 }]);
    await joiner.stop();
    expect(await failureOf(query(joiner.url, 'select 1'))).to.have.property('code', 'ECONNREFUSED');
  });

  it('is one server, even if many programs open a new folder at the same time', async () => {
    const fresh = join(folder, 'fresh');
    const [other, ...ours] = await Promise.all([startProgram(fresh), openServer(fresh), openServer(fresh)]);
    expect(new Set([other.url, ...ours.map(({ url }) => url)]).size).to.equal(1);
    expect(ours.filter(({ owned }) => owned).length).to.be.at.most(1);
    expect((await readdir(fresh)).sort()).to.deep.equal(['cluster', 'postgres.log']);
  });

  it('outlives its killed owner, and is joined and then stopped by the next program', async () => {
    const { program, url } = await startProgram();
    program.kill('SIGKILL');
    await once(program, 'exit');
    const next = await openServer();
    expect([next.url, next.owned]).to.deep.equal([url, false]);
    await next.stop();
    expect(await failureOf(query(url, 'select 1'))).to.have.property('code', 'ECONNREFUSED');
  });

  it('starts again at the same address when it is killed while in use', async () => {
    const { url } = await openServer();
    await query(url, 'create table survivors (id int)');
    process.kill(await postmasterPid(dataDir), 'SIGKILL');
    await eventually(() => query(url, 'insert into survivors values (1)'));
    expect(await query(url, 'select id from survivors')).to.deep.equal([{ id: 1 }]);
  });

  it('starts although a killed server’s pid now belongs to another program', async () => {
    await (await openServer()).stop();
    await writeFile(
      join(dataDir, 'cluster/postmaster.pid'),
      `${process.pid}\n${dataDir}\n0\n5432\n\n127.0.0.1\n0\nready\n`,
    );
    const server = await openServer();
    expect(await query(server.url, 'select 1 as one')).to.deep.equal([{ one: 1 }]);
  });

  it('removes incomplete files of a killed program', async () => {
    const interrupted = join(folder, 'interrupted');
    await mkdir(join(interrupted, 'cluster.new-999999999-0'), { recursive: true });
    await openServer(interrupted);
    expect(await readdir(interrupted)).to.not.include('cluster.new-999999999-0');
  });

  it('names an inaccessible data folder and the remedy', async () => {
    const closed = join(folder, 'closed');
    await mkdir(closed);
    await chmod(closed, process.getuid?.() === 0 ? 0o700 : 0o500);
    const error = await failureOf(openPostgres({ dataDir: join(closed, 'postgres') }));
    await chmod(closed, 0o700);
    expect(error).to.be.instanceOf(ClosedFolder);
    expect(error.message)
      .to.include(closed)
      .and.match(/chmod o\+x|make it writable/);
  });

  it('names a data folder that is a file', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    const error = await failureOf(openPostgres({ dataDir: file }));
    await rm(file);
    expect(error).to.be.instanceOf(ClosedFolder);
  });
});

const OPEN_AND_STAY = `
  import(${JSON.stringify(pathToFileURL(join(process.cwd(), 'infra/engines/embedded-postgres.ts')).href)})
    .then(({ openPostgres }) => openPostgres({ dataDir: process.argv[1] }))
    .then(({ url }) => console.log(url));
  setInterval(() => {}, 60_000);
`;

async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

async function failureOf(action: Promise<unknown>): Promise<Error> {
  return action.then(
    () => expect.fail('this should have failed'),
    (error: Error) => error,
  );
}

async function eventually(action: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await action();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function postmasterPid(dataDir: string): Promise<number> {
  return Number.parseInt(await readFile(join(dataDir, 'cluster/postmaster.pid'), 'utf8'), 10);
}
