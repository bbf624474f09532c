import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { hashOf } from '../codec.js';
import { readChangeRecord } from './kinesis-record.js';

/** In AWS's documented format of Kinesis Data Streams for DynamoDB, and in the local engine's format. */
const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}.json`, import.meta.url));

const where = { kind: 'tampering', stream: 'note#caf%C3%A9@main', commitNo: 3 };

describe('A change record', () => {
  for (const name of ['insert', 'insert-milliseconds', 'ministack-insert']) {
    it(`holds a new commit byte for byte: ${name}`, () => {
      const change = readChangeRecord(fixture(name), 'events');
      if (change.kind !== 'commit') throw new Error(`it is ${change.kind}`);
      expect(change.commit).to.include({
        pk: 'note#caf%C3%A9@main',
        sk: 3,
        f: 1,
        fv: 4,
        lv: 5,
        at: 1767323045678001,
        lp: 24,
      });
      expect(change.commit.cs).to.deep.equal(['cmd-1', 'cmd-2']);
      expect(hashOf(change.commit)).to.equal(change.commit.h);
    });
  }

  it('reports a modified commit', () => {
    expect(readChangeRecord(fixture('modify'), 'events')).to.deep.equal({ ...where, what: 'modified' });
  });

  it('reports a removed commit, whoever removed it', () => {
    for (const name of ['remove', 'remove-by-ttl'])
      expect(readChangeRecord(fixture(name), 'events')).to.deep.equal({ ...where, what: 'removed' });
  });

  it('of another table is foreign', () => {
    expect(readChangeRecord(fixture('other-table'), 'events')).to.deep.equal({ kind: 'foreign' });
    expect(readChangeRecord(fixture('insert'), 'event')).to.deep.equal({ kind: 'foreign' });
    expect(readChangeRecord(fixture('ministack-insert'), 'event')).to.deep.equal({ kind: 'foreign' });
  });

  it('is rejected if it is something else or lacks a part of the commit', () => {
    const whole = JSON.parse(fixture('insert').toString());
    for (const part of Object.keys(whole.dynamodb.NewImage)) {
      const { [part]: _, ...NewImage } = whole.dynamodb.NewImage;
      const broken = Buffer.from(JSON.stringify({ ...whole, dynamodb: { ...whole.dynamodb, NewImage } }));
      expect(() => readChangeRecord(broken, 'events'), part).to.throw(part);
    }
    const anyText = fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), anyText), (bytes) => {
        expect(() => readChangeRecord(bytes, 'events')).to.throw();
      }),
    );
  });
});
