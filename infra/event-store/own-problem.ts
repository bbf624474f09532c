// What is wrong with a stored commit by itself, whatever its place in its stream. Exports, stored logs and receipts are checked with it.
import { FORMAT, type StoredCommit } from '../../domain/kernel/commit.js';
import { isStreamId } from '../../domain/kernel/stream.js';
import { hashOf, partitionOf } from './codec.js';

/** Undefined if nothing is wrong. `partition` is that of the stream's earlier commits, if they were checked. */
export function ownProblem(commit: StoredCommit, partition?: number): string | undefined {
  const { pk, sk, f, fv, lv, ev, h, lp } = commit;
  if (f !== FORMAT) return `its format f is ${f}; this program reads ${FORMAT}`;
  if (!isStreamId(pk)) return 'its pk is not a stream id';
  if (sk < 1 || fv < sk || lv < fv) return `commit ${sk} cannot have the versions ${fv} to ${lv}`;
  if (hashOf(commit) !== h) return 'its h is not the hash of its content';
  if (lp !== (partition ?? partitionOf(pk))) return `its lp is ${lp}, which is not the partition of its stream`;
  return eventsProblem(ev, fv, lv);
}

function eventsProblem(ev: string, fv: number, lv: number): string | undefined {
  const events = eventsIn(ev);
  if (!events) return 'its ev is not a list of events';
  if (events.length !== lv - fv + 1) return `it has ${events.length} events, but the versions ${fv} to ${lv}`;
  const wrong = events.findIndex((event, n) => event?.version !== fv + n);
  return wrong < 0 ? undefined : `its event ${wrong + 1} does not have version ${fv + wrong}`;
}

function eventsIn(ev: string): ({ version?: unknown } | null)[] | undefined {
  try {
    const events: unknown = JSON.parse(ev);
    return Array.isArray(events) ? events : undefined;
  } catch {
    return undefined;
  }
}
