import { expect } from 'chai';
import fc from 'fast-check';
import { START, type StoredCommit } from '../../domain/kernel/commit.js';
import { CommitTooLarge, InvalidEvent } from '../../domain/kernel/errors.js';
import { MAX_COMMIT_BYTES } from '../../domain/kernel/limits.js';
import { streamId } from '../../domain/kernel/stream.js';
import { anyNote, noteCommit, notes } from '../../test/contracts/notes.js';
import { the } from '../../test/the.js';
import { createCommitCodec, hashOf, partitionOf, positionOf } from './codec.js';

const { encode, decode } = createCommitCodec(notes);
const stream = streamId('note', 'a');

// The bytes of format 1, written by hand. The hashes were made without this program:
//   PH=$(printf 'the commit before' | sha256sum | cut -c1-64)
//   printf '%s%s%s' "$PH" '[1,"note#caf%C3%A9@main",3,4,5,1767323045678001,["cmd-1","cmd-2"]]' "$EV" | sha256sum
//   printf 'note#caf%%C3%%A9@main' | sha256sum      # begins with 18, which is 24
const golden: StoredCommit = {
  f: 1,
  pk: 'note#caf%C3%A9@main',
  sk: 3,
  fv: 4,
  lv: 5,
  ev:
    '[{"id":"cmd-1:0","type":"NoteWritten","schemaVersion":2,"version":4,"occurredAt":"2026-01-02T03:04:05.678Z",' +
    '"commandId":"cmd-1","correlationId":"req-1","causationId":"cmd-1","actor":{"type":"staff","id":"ann","role":"support"},' +
    '"data":{"text":"Grüße ☕ \\"now\\"","stars":5}},' +
    '{"id":"cmd-2:0","type":"NoteWritten","schemaVersion":2,"version":5,"occurredAt":"2026-01-02T03:04:05.678Z",' +
    '"commandId":"cmd-2","correlationId":"req-2","causationId":"note#a:3","actor":{"type":"process","id":"p"},' +
    '"data":{"text":"","stars":0}}]',
  at: 1767323045678001,
  cs: ['cmd-1', 'cmd-2'],
  ph: 'bc1b76ae1c6fce94aba60be1f82cabe2cd71c48dcf0d2860162d0e1a1717e3b3',
  h: 'a6c8520da658f63088ba97d0d897fcd7e5845d3aedff22e541d4da39eae2e63f',
  lp: 24,
};

describe('The commit codec', () => {
  it('writes the bytes of format 1, whatever order the keys come in', () => {
    const encoded = encode(
      streamId('note', 'café', 'main'),
      { commitNo: 2, version: 3, hash: golden.ph, at: 1767323045678000 },
      {
        at: 1767323045678001,
        commandIds: ['cmd-1', 'cmd-2'],
        events: [
          {
            data: { text: 'Grüße ☕ "now"', stars: 5 },
            actor: { role: 'support', id: 'ann', type: 'staff' },
            version: 4,
            schemaVersion: 2,
            occurredAt: '2026-01-02T03:04:05.678Z',
            causationId: 'cmd-1',
            correlationId: 'req-1',
            commandId: 'cmd-1',
            type: 'NoteWritten',
            id: 'cmd-1:0',
          },
          {
            id: 'cmd-2:0',
            type: 'NoteWritten',
            schemaVersion: 2,
            version: 5,
            occurredAt: '2026-01-02T03:04:05.678Z',
            commandId: 'cmd-2',
            correlationId: 'req-2',
            causationId: 'note#a:3',
            actor: { type: 'process', id: 'p' },
            data: { text: '', stars: 0 },
          },
        ],
      },
    );
    expect(encoded).to.deep.equal(golden);
  });

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(fc.array(anyNote, { minLength: 1 }), fc.array(fc.string()), (written, commandIds) => {
        const commit = { ...noteCommit(START, 'c', ...written), commandIds };
        const stored = encode(stream, START, commit);
        expect(decode(stored)).to.deep.equal({
          stream,
          position: positionOf(stored),
          firstVersion: 1,
          commandIds,
          previousHash: START.hash,
          events: commit.events,
        });
      }),
    );
  });

  it('converts an old version to the current data', () => {
    const ev = golden.ev.replaceAll('"schemaVersion":2', '"schemaVersion":1').replace(/,"stars":\d/g, '');
    const [event] = decode({ ...golden, ev }).events;
    expect(event).to.deep.include({ schemaVersion: 2, data: { text: 'Grüße ☕ "now"', stars: 0 } });
  });

  it('chains commits: each names the hash of the one before, over which its own is made', () => {
    const first = encode(stream, START, noteCommit(START, 'c1', { text: 'one' }));
    const second = encode(stream, positionOf(first), noteCommit(positionOf(first), 'c2', { text: 'two' }));
    expect(second).to.include({ sk: 2, fv: 2, lv: 2, ph: first.h });
    expect([hashOf(first), hashOf(second)]).to.deep.equal([first.h, second.h]);
  });

  it('detects any changed byte by the hash', () => {
    const changes: Partial<StoredCommit>[] = [
      { f: 2 },
      { pk: 'note#b' },
      { sk: 4 },
      { fv: 3 },
      { lv: 6 },
      { at: golden.at + 1 },
      { cs: ['cmd-1'] },
      { ph: START.hash },
    ];
    for (const change of changes) expect(hashOf({ ...golden, ...change })).to.not.equal(golden.h);
    fc.assert(
      fc.property(fc.nat(golden.ev.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (index, replacement) => {
        fc.pre(golden.ev[index] !== replacement);
        const ev = golden.ev.slice(0, index) + replacement + golden.ev.slice(index + 1);
        expect(hashOf({ ...golden, ev })).to.not.equal(golden.h);
      }),
    );
  });

  it('spreads streams over all 64 log partitions', () => {
    const partitions = Array.from({ length: 1_000 }, (_, n) => partitionOf(streamId('note', String(n))));
    expect(new Set(partitions).size).to.equal(64);
    expect(Math.max(...partitions)).to.equal(63);
  });

  it('refuses a commit above the limit, counting bytes and not characters', () => {
    const euros = (count: number) => noteCommit(START, 'c', { text: '€'.repeat(count) });
    expect(() => encode(stream, START, euros(MAX_COMMIT_BYTES / 3))).to.throw(CommitTooLarge, 'split the command');
    expect(encode(stream, START, euros(MAX_COMMIT_BYTES / 3 - 300)).sk).to.equal(1);
  });

  it('refuses events that their definition does not allow', () => {
    const commit = noteCommit(START, 'c', { text: 'x' });
    const [event] = commit.events;
    const refused = (change: object, why: string) =>
      expect(() => encode(stream, START, { ...commit, events: [{ ...the(event), ...change }] })).to.throw(
        InvalidEvent,
        why,
      );
    refused({ data: { text: 1, stars: 0 } }, 'text');
    refused({ data: { text: '', stars: 0, extra: true } }, 'extra');
    refused({ type: 'NoteEaten' }, 'not a known type');
    refused({ schemaVersion: 1 }, "today's is 2");
    refused({ version: 2 }, 'goes on at 1');
  });

  it('rejects commits that would break the order of the stream', () => {
    const commit = noteCommit(START, 'c', { text: 'x' });
    expect(() => encode(stream, START, { ...commit, events: [] })).to.throw('at least one event');
    expect(() => encode(stream, { ...START, at: commit.at }, commit)).to.throw('not later');
    expect(() => encode('note#' as typeof stream, START, commit)).to.throw('not a stream id');
  });

  it('rejects an unknown format, event or version', () => {
    expect(() => decode({ ...golden, f: 2 })).to.throw(InvalidEvent, 'format 2');
    expect(() => decode({ ...golden, ev: golden.ev.replace('NoteWritten', 'NoteEaten') })).to.throw(InvalidEvent);
    expect(() => decode({ ...golden, ev: golden.ev.replace('"schemaVersion":2', '"schemaVersion":3') })).to.throw(
      InvalidEvent,
    );
  });
});
