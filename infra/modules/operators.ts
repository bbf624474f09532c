// What operators decide, for the projectors and the agenda of this process; and the streams in quarantine of all stores.
import type { States } from '../../domain/kernel/states.js';
import { OPS, type Ops, ops } from '../../domain/ops/ops.js';
import { AGENDA_WORK, type Quarantine, type Quarantined } from '../../domain/ops/quarantine.js';
import { versionText } from '../../projections/runtime/builds.js';
import type { Interventions } from '../../projections/runtime/interventions.js';
import { partsOfName } from '../../projections/runtime/projection.js';
import type { Projector, Quarantine as Stuck } from '../../projections/runtime/projector.js';
import { derivedId } from '../ids.js';

export interface Decisions extends Interventions {
  isAgendaPaused(): boolean;
}

export function createDecisions(states: States): Decisions {
  let known: { paused: ReadonlySet<string>; skipped: ReadonlySet<string>; revision: number } | undefined;

  async function refresh(): Promise<number> {
    const { state, position } = await states.load(ops, OPS);
    if (known?.revision !== position.commitNo) known = { ...indexOf(state), revision: position.commitNo };
    return position.commitNo;
  }

  return {
    async ready() {
      if (!known) await refresh();
    },
    refresh,
    concerns: (stream) => stream === OPS,
    isPaused: (projection) => projection !== AGENDA_WORK && known?.paused.has(projection) === true,
    isAgendaPaused: () => known?.paused.has(AGENDA_WORK) === true,
    isSkipped: (...commit) => known !== undefined && known.skipped.size > 0 && known.skipped.has(commit.join(' ')),
  };
}

function indexOf({ skips, paused }: Ops) {
  return {
    paused: new Set(paused),
    skipped: new Set(skips.map(({ projection, stream, commitNo }) => [projection, stream, commitNo].join(' '))),
  };
}

export function createQuarantine(projectors: readonly Projector[]): Quarantine {
  const list = async () =>
    (await Promise.all(projectors.map((projector) => projector.quarantined()))).flat().map(entryOf);
  return {
    list,
    async retry({ id, stream }) {
      await Promise.all(projectors.map((projector) => projector.retry(stream)));
      const left = (await list()).filter((entry) => entry.stream === stream);
      // A later commit of the stream may be in quarantine instead.
      return left.find((entry) => entry.id === id) ?? left[0];
    },
    async release() {
      await Promise.all(projectors.map((projector) => projector.retryReleased()));
    },
  };
}

function entryOf({ projection, name, stream, commitNo, error, since }: Stuck): Quarantined {
  const id = derivedId(projection, stream, String(commitNo));
  const build = partsOfName(projection);
  return { id, projection: name, version: build ? versionText(build) : projection, stream, commitNo, error, since };
}
