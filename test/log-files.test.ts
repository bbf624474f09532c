// What auditors get on the command line: exports of a running shop, their verification, and a log that moves to another shop.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { describeWith } from './engines.js';
import {
  commerce,
  type Environment,
  endPrograms,
  type Finished,
  freshFolder,
  PROFILES,
  startShop,
} from './running-shop.js';
import { the } from './the.js';

const embedded = the(PROFILES.find(({ name }) => name === 'embedded'));

describeWith(embedded.engines, 'An export of a shop', function (engines) {
  this.timeout(120_000);
  let shop: Environment;
  let folder: string;
  let file: string;
  let key: string;
  before(async () => {
    shop = await embedded.freshEnvironment(engines);
    folder = await freshFolder();
    file = join(folder, 'log.jsonl');
    key = join(folder, 'key.pub');
    const running = await startShop(shop);
    await running.stop();
    expectCode(await commerce(['export', file], shop), 0);
    await writeFile(key, (await commerce(['audit-key'], shop)).stdout);
  });
  after(endPrograms);

  function expectCode(finished: Finished, code: number): Finished {
    expect(finished.code, finished.stdout + finished.stderr).to.equal(code);
    return finished;
  }
  const linesOf = async (path: string) => (await readFile(path, 'utf8')).split('\n').slice(1, -2);

  it('is verified offline, with the public key or without it', async () => {
    expect(expectCode(await commerce(['verify', file, '--public-key', key]), 0).stdout).to.include(
      'The signature is valid',
    );
    expect(expectCode(await commerce(['verify', file]), 0).stdout).to.include('signature not checked');
    const { stdout } = expectCode(await commerce(['verify', file, '--public-key', key, '--json']), 0);
    const { commits, covered, beyond, problems, checkpoint } = JSON.parse(stdout);
    expect({ commits, beyond, problems }).to.deep.equal({ commits: covered, beyond: 0, problems: [] });
    expect(checkpoint).to.include({ size: commits, signature: 'valid' });
  });

  it('has the same lines as gzip, and fewer of one category', async () => {
    const zipped = `${file}.gz`;
    expectCode(await commerce(['export', zipped], shop), 0);
    expect(gunzipSync(await readFile(zipped)).equals(await readFile(file))).to.equal(true);
    const part = join(folder, 'part.jsonl');
    expectCode(await commerce(['export', part, '--category', 'product'], shop), 0);
    expect(await linesOf(part)).to.deep.equal(
      (await linesOf(file)).filter((line) => line.startsWith('{"pk":"product#')),
    );
    expect(expectCode(await commerce(['verify', part, '--public-key', key]), 0).stdout)
      .to.include('category product')
      .and.include('It is a part of the log: no commit of a stream is missing from its first commit on.');
  });

  it('is refused with exit code 3 if it was changed or cut, and the commit is named', async () => {
    const text = await readFile(file, 'utf8');
    const { pk, sk } = JSON.parse(the((await linesOf(file))[5]));
    const changed = join(folder, 'changed.jsonl');
    await writeFile(
      changed,
      text
        .split('\n')
        .map((line, n) => (n === 6 ? line.replace(/"ev":"\[\{/, '"ev":"[ {') : line))
        .join('\n'),
    );
    expect(expectCode(await commerce(['verify', changed]), 3).stdout).to.include(
      `line 7: commit ${sk} of ${pk}: its h is not`,
    );
    await writeFile(changed, text.slice(0, text.length / 2));
    expect(expectCode(await commerce(['verify', changed]), 3).stdout).to.include('cut short');
    const other = await embedded.freshEnvironment(engines);
    expect(expectCode(await commerce(['import-log', changed], other), 3).stdout).to.include('Nothing was imported');
    await writeFile(key.replace('key', 'wrong'), (await commerce(['audit-key'], other)).stdout);
    const wrong = await commerce(['verify', file, '--public-key', key.replace('key', 'wrong')]);
    expect(expectCode(wrong, 3).stdout).to.include('not signed with the given public key');
  });

  it('is loaded into an empty shop, once, with the same hashes', async () => {
    const other = await embedded.freshEnvironment(engines);
    expect(expectCode(await commerce(['import-log', file], other), 0).stdout).to.include('with the same hashes');
    const copy = join(folder, 'copy.jsonl');
    expectCode(await commerce(['export', copy], other), 0);
    expect(await linesOf(copy)).to.deep.equal(await linesOf(file));
    expectCode(await commerce(['verify', '--archive'], other), 0);
    const { lastVerification } = JSON.parse(expectCode(await commerce(['status', '--json'], other), 0).stdout);
    expect(lastVerification).to.include({ problems: 0 }).and.have.nested.property('by.id', 'command-line');
    for (const full of [other, shop])
      expect(expectCode(await commerce(['import-log', file], full), 1).stderr).to.match(
        /is not empty.*only be imported/,
      );
  });

  it('says in one line what was asked wrongly', async () => {
    const none = join(folder, 'none');
    for (const [args, code, message] of [
      [['verify', none], 1, 'no such file'],
      [['verify', folder], 1, 'is not a file'],
      [['verify', file, '--public-key', none], 1, 'cannot be read'],
      [['verify', file, '--public-key', file], 1, 'output of `commerce audit-key`'],
      [['restore', none], 1, 'There is no folder'],
      [['verify', file, '--archive'], 2, 'leave the file out'],
      [['export', none, '--from', 'yesterday'], 2, 'RFC|time such as'],
      [['export', none, '--from', '2030-01-02', '--to', '2030-01-01'], 2, 'later than --to'],
      [['export', none, '--category', 'orders'], 1, 'it has: .*product'],
      [['export', join(none, 'deeper', 'file')], 1, 'does not exist'],
      [['export', file], 1, 'already exists'],
      [['import-log', none], 1, 'no such file'],
    ] as const) {
      const { stderr } = expectCode(await commerce(args, shop), code);
      expect(stderr).to.match(new RegExp(message));
      expect(stderr.trim().split('\n'), stderr).to.have.length(1);
    }
  });
});
