// The command path and the projectors with spans around them.

import type { CommandRunner } from '../../commands/runtime/command-runner.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { isRejection } from '../../domain/kernel/rejection.js';
import { categoryOf } from '../../domain/kernel/stream.js';
import type { Projector } from '../../projections/runtime/projector.js';
import type { Tracing } from './port.js';

export function tracedRunner(runner: CommandRunner, tracing: Tracing): CommandRunner {
  return {
    ...runner,
    execute(decider, stream, command, meta) {
      const type = (command as { type?: string }).type ?? 'command';
      const attributes = { 'commerce.stream': stream, 'commerce.command_id': meta.id };
      const options = { attributes, correlationIds: [meta.correlationId] };
      return tracing.span(`${categoryOf(stream)} ${type}`, options, async (add) => {
        const outcome = await runner.execute(decider, stream, command, meta);
        if (isRejection(outcome)) add({ 'commerce.rejected': outcome.rejected });
        else add({ 'commerce.repeated': outcome.repeated });
        return outcome;
      });
    },
  };
}

export function tracedStore(store: EventStore, tracing: Tracing): EventStore {
  return {
    ...store,
    append(stream, after, commit) {
      const { events } = commit;
      const attributes = {
        'commerce.stream': stream,
        'commerce.commit_no': after.commitNo + 1,
        'commerce.events': events.length,
      };
      const correlationIds = [...new Set(events.map(({ correlationId }) => correlationId))];
      return tracing.span(`append ${categoryOf(stream)}`, { attributes, correlationIds }, async (add) => {
        const result = await store.append(stream, after, commit);
        add({ 'commerce.appended': result.appended });
        return result;
      });
    },
  };
}

/** The other methods of a projector read the log for streams that the feed has left out, so they belong to no request. */
export function tracedProjector(projector: Projector, tracing: Tracing): Projector {
  const apply: Projector['apply'] = (commits) =>
    tracing.projecting(projector.engine, commits, () => projector.apply(commits));
  // Its names change with its builds, so they are not copied.
  return Object.create(projector, { apply: { value: apply, enumerable: true } });
}
