// Converts stored commits to DynamoDB items and back, from the table and from the change records in Kinesis.
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { StoredCommit } from '../../../domain/kernel/commit.js';
import type { LogEntry } from '../../../domain/kernel/event-store.js';
import { isStreamId, type StreamId } from '../../../domain/kernel/stream.js';

export type Item = Record<string, AttributeValue>;

export function toItem({ pk, sk, f, fv, lv, ev, at, cs, ph, h, lp }: StoredCommit): Item {
  return {
    pk: { S: pk },
    sk: { N: String(sk) },
    f: { N: String(f) },
    fv: { N: String(fv) },
    lv: { N: String(lv) },
    ev: { S: ev },
    at: { N: String(at) },
    cs: { L: cs.map((id) => ({ S: id })) },
    ph: { S: ph },
    h: { S: h },
    lp: { N: String(lp) },
  };
}

/** Throws `NotACommit`. */
export function fromItem(item: Item): StoredCommit {
  return {
    ...keyOf(item),
    f: integer(item, 'f'),
    fv: integer(item, 'fv'),
    lv: integer(item, 'lv'),
    ev: text(item, 'ev'),
    at: integer(item, 'at'),
    cs: texts(item, 'cs'),
    ph: text(item, 'ph'),
    h: text(item, 'h'),
    lp: integer(item, 'lp'),
  };
}

/** Throws `NotACommit`. */
export function keyOf(item: Item): Pick<StoredCommit, 'pk' | 'sk'> {
  const pk = text(item, 'pk');
  if (!isStreamId(pk)) throw new NotACommit('pk');
  return { pk, sk: integer(item, 'sk') };
}

/** An item of the index of the log in total order. It may be the entry of an item that is no commit. */
export function indexEntryOf({ pk, sk, at }: Item): LogEntry {
  return { at: Number(at?.N), stream: pk?.S as StreamId, commitNo: Number(sk?.N) };
}

export class NotACommit extends Error {
  override name = 'NotACommit';
  readonly problem: string;
  constructor(attribute: string) {
    const problem = `its attribute ${attribute} is missing or has the wrong type`;
    super(`An item is no commit: ${problem}.`);
    this.problem = problem;
  }
}

function text(item: Item, name: string): string {
  const value = item[name]?.S;
  if (typeof value !== 'string') throw new NotACommit(name);
  return value;
}

function integer(item: Item, name: string): number {
  const value = Number(item[name]?.N);
  if (!Number.isSafeInteger(value)) throw new NotACommit(name);
  return value;
}

function texts(item: Item, name: string): string[] {
  const values = item[name]?.L;
  if (!Array.isArray(values)) throw new NotACommit(name);
  return values.map((_, index) => text(values as never, String(index)));
}
