// What operators have decided about read models and background work: which commits a projection skips, and what is paused. All of
// it is in one stream, so that one read tells everything.
import type { Decider } from '../kernel/decider.js';
import { defined } from '../kernel/json.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import { type StreamId, streamId } from '../kernel/stream.js';
import { type OpsEvent, opsEvents, type Verified } from './events.js';

export const OPS = streamId('ops', 'shop');

/** Most commits that are skipped at a time. Every process keeps all of them in memory. */
export const MAX_SKIPS = 1_000;

export interface CommitOfProjection {
  /** Without the version. */
  projection: string;
  stream: StreamId;
  commitNo: number;
}

export interface Skip extends CommitOfProjection {
  skipId: string;
}

export type OpsCommand =
  | ({ type: 'RetryQuarantine'; retryId: string; reason?: string } & CommitOfProjection)
  | ({ type: 'SkipCommit'; reason: string } & Skip)
  | { type: 'EndSkip'; skipId: string; reason: string }
  | { type: 'PauseWork'; target: string; reason: string }
  | { type: 'ResumeWork'; target: string; reason?: string }
  | ({ type: 'RecordVerification' } & Verified);

export interface Ops {
  skips: readonly Skip[];
  /** What is paused: projections by name, and `agenda`. */
  paused: readonly string[];
  lastRetry?: string;
  lastVerification?: string;
}

export const ops: Decider<OpsCommand, Ops, OpsEvent> = {
  category: 'ops',
  events: opsEvents,
  initialState: { skips: [], paused: [] },
  decide,
  evolve,
  snapshot: { foldVersion: 1, every: 100 },
};

function decide(
  command: OpsCommand,
  { skips, paused, lastRetry, lastVerification }: Ops,
): readonly OpsEvent[] | Rejection {
  switch (command.type) {
    case 'RetryQuarantine': {
      const { retryId, projection, stream, commitNo, reason } = command;
      if (retryId === lastRetry) return [];
      return [{ type: 'QuarantineRetried', data: { retryId, projection, stream, commitNo, ...defined({ reason }) } }];
    }
    case 'SkipCommit': {
      const { type, ...data } = command;
      if (skips.some((skip) => isSame(skip, command))) return [];
      return skips.length < MAX_SKIPS
        ? [{ type: 'CommitSkipped', data }]
        : reject('rule_violated', `At most ${MAX_SKIPS} commits are skipped at a time; end some of the skips.`);
    }
    case 'EndSkip': {
      const { skipId, reason } = command;
      const skip = skips.find((one) => one.skipId === skipId);
      return skip ? [{ type: 'CommitSkipEnded', data: { ...skip, reason } }] : [];
    }
    case 'PauseWork': {
      const { target, reason } = command;
      return paused.includes(target) ? [] : [{ type: 'WorkPaused', data: { target, reason } }];
    }
    case 'ResumeWork': {
      const { target, reason } = command;
      return paused.includes(target) ? [{ type: 'WorkResumed', data: { target, ...defined({ reason }) } }] : [];
    }
    case 'RecordVerification': {
      const { type, ...data } = command;
      return data.verificationId === lastVerification ? [] : [{ type: 'LogVerified', data }];
    }
  }
}

function evolve(known: Ops, event: OpsEvent): Ops {
  const { skips, paused } = known;
  switch (event.type) {
    case 'QuarantineRetried':
      return { ...known, lastRetry: event.data.retryId };
    case 'CommitSkipped': {
      const { skipId, projection, stream, commitNo } = event.data;
      return { ...known, skips: [...skips, { skipId, projection, stream, commitNo }] };
    }
    case 'CommitSkipEnded':
      return { ...known, skips: skips.filter(({ skipId }) => skipId !== event.data.skipId) };
    case 'WorkPaused':
      return { ...known, paused: [...paused, event.data.target] };
    case 'WorkResumed':
      return { ...known, paused: paused.filter((target) => target !== event.data.target) };
    case 'LogVerified':
      return { ...known, lastVerification: event.data.verificationId };
  }
}

function isSame(one: CommitOfProjection, other: CommitOfProjection): boolean {
  return one.projection === other.projection && one.stream === other.stream && one.commitNo === other.commitNo;
}
