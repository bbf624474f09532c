// The recipe of docs/log-format.md that reads the log out of DynamoDB with `aws` and `jq`, as it is written there. It takes a minute.
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { type Position, START, type StoredCommit } from '../../../domain/kernel/commit.js';
import { streamId } from '../../../domain/kernel/stream.js';
import { describeOnAws } from '../../../test/aws.js';
import { noteCommit, notes } from '../../../test/contracts/notes.js';
import { freshName } from '../../../test/engines.js';
import { the } from '../../../test/the.js';
import { createCommitCodec, hashOf } from '../codec.js';
import { createDynamoEventStore, createEventsTable } from './dynamodb-event-store.js';

const RECIPE = /### The whole log, in DynamoDB.*?```sh\n(.*?)```/s;

describeOnAws('The recipe that reads the log out of DynamoDB', (aws) => {
  it('gives every stored commit, byte for byte', async function () {
    this.timeout(900_000);
    const lacks = ['aws', 'jq'].find((program) => !isThere(program));
    if (!process.env.EVERY_CASE || lacks) {
      console.log(`      skipped: it ${lacks ? `needs ${lacks}` : 'runs in test:long'}`);
      return this.skip();
    }
    const table = freshName('events');
    const client = aws.dynamodb();
    await createEventsTable({ client, table });
    const codec = createCommitCodec(notes);
    const store = createDynamoEventStore({ client, table, codec });
    // Two streams with more commits than one request may have keys.
    for (const stream of ['a', 'b'].map((id) => streamId('note', `${id} ☕`))) {
      let position: Position = START;
      for (let n = 0; n < 60; n++) {
        const result = await store.append(stream, position, noteCommit(position, `${stream} ä ${n}`, {}));
        if (result.appended) position = result.position;
      }
    }
    const folder = mkdtempSync(join(tmpdir(), 'recipe-'));
    const recipe = the(RECIPE.exec(readFileSync('docs/log-format.md', 'utf8'))?.[1]);
    const script = recipe.replace('table=commerce-events', `table=${table}`);
    const env = {
      ...process.env,
      AWS_ENDPOINT_URL: aws.options().endpoint,
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_DEFAULT_REGION: 'us-east-1',
    };
    const { stderr } = await promisify(execFile)('sh', ['-e', '-c', script], { cwd: folder, env });
    expect(stderr).to.equal('');
    const lines = readFileSync(join(folder, 'log.jsonl'), 'utf8').trimEnd().split('\n');
    await rm(folder, { recursive: true });
    const commits: StoredCommit[] = lines.map((line) => JSON.parse(line));
    expect(new Set(commits.map(({ pk, sk }) => `${sk} ${pk}`)).size).to.equal(120);
    for (const commit of commits) expect(hashOf(commit)).to.equal(commit.h);
  });
});

function isThere(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
}
