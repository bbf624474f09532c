// `commerce trace`: everything that one request caused, in all streams, as a tree of commands and events.
import { Command } from 'commander';
import { earliestOf } from '../../infra/ids.js';
import type { EventEntry } from '../../read-api/audit/entries.js';
import { type Trace, trace } from '../../read-api/audit/trace.js';
import { type CommandNode, causeTree } from '../../read-api/console/causes.js';
import { CommandFailed } from '../errors.js';
import { openEngines } from '../open-engines.js';
import { type CommonOptions, configOfShop, timeOption, withJson, withProfile } from '../options.js';
import { print } from '../printed.js';
import { createProgress } from '../progress.js';

const DEFAULT_DAYS = 7;
const DAY_MS = 24 * 3_600_000;

/** Progress counts the time that was searched, in seconds. */
const PROGRESS_EVERY = 500;

interface Options extends CommonOptions {
  since?: number;
}

export function traceCommand(): Command {
  return withJson(withProfile(new Command('trace')))
    .description('show all that one request caused, in all streams, as a tree')
    .argument('<correlation>', 'the X-Request-Id of the request; `replay` shows it for each event')
    .option(
      '--since <time>',
      `search the log from this time on (default: the time in the id, or else the last ${DEFAULT_DAYS} days)`,
      timeOption,
    )
    .action(async (correlationId: string, options: Options) => {
      const now = Date.now();
      const { since = startOf(correlationId, now), json } = options;
      const shop = await openEngines(await configOfShop(options));
      const progress = createProgress();
      try {
        const [store, { decode }] = await Promise.all([shop.get('eventStore'), shop.get('codec')]);
        const total = Math.max(1, Math.round((now - since) / 1000));
        const found = await trace({ store, decode }, correlationId, {
          since,
          onProgress(scanned, at) {
            if (scanned % PROGRESS_EVERY === 0)
              progress.report('seconds of the log', Math.round((at - since) / 1000), total);
          },
        });
        progress.end();
        if (found.events.length === 0) throw new CommandFailed(nothing(correlationId, found, since));
        if (json) console.log(JSON.stringify({ correlationId, ...found }));
        else print(shown(correlationId, found));
      } finally {
        progress.end();
        await shop.close();
      }
    });
}

/** Nothing of a request is committed before its id was made. */
function startOf(correlationId: string, now: number): number {
  return earliestOf(correlationId, now) ?? now - DEFAULT_DAYS * DAY_MS;
}

function nothing(correlationId: string, { scanned }: Trace, since: number): string {
  const from = new Date(since).toISOString();
  return `no event has the correlation id ${correlationId}; ${scanned} commits since ${from} were searched. --since names an earlier time.`;
}

function shown(correlationId: string, { events, hasMore }: Trace): string {
  const streams = new Set(events.map(({ stream }) => stream)).size;
  const [first] = events;
  const more = hasMore ? `\nThere are more events; these are the first ${events.length}.` : '';
  const head = `${correlationId}: ${events.length} events in ${streams} streams, from ${first?.at} on`;
  const start = Date.parse(first?.at ?? '');
  return `${head}\n${causeTree(events)
    .flatMap((command) => commandLines(command, start))
    .join('\n')}${more}`;
}

/** Who acted is only written where it is somebody else than before. */
function commandLines(command: CommandNode<EventEntry>, start: number, before = ''): string[] {
  const { commandId, causeElsewhere, events } = command;
  const actor = actorOf(events[0]?.event);
  const by = actor === before ? '' : `  by ${actor}`;
  const cause = causeElsewhere === undefined ? '' : `, caused by ${causeElsewhere}`;
  const children = events.flatMap(({ event, commands }, n) => {
    const line = `${event.type}  ${event.stream} version ${event.version}, after ${Date.parse(event.at) - start} ms`;
    const below = commands.flatMap((next, m) => indented(commandLines(next, start, actor), m === commands.length - 1));
    return indented([line, ...below], n === events.length - 1);
  });
  return [`${commandId}${by}${cause}`, ...children];
}

function actorOf(event: EventEntry | undefined): string {
  if (event === undefined) return '';
  const { type, id, role } = event.actor;
  return role === undefined ? `${type} ${id}` : `${type} ${id} as ${role}`;
}

function indented([first, ...rest]: readonly string[], isLast: boolean): string[] {
  const [branch, trunk] = isLast ? ['└─ ', '   '] : ['├─ ', '│  '];
  return [`${branch}${first}`, ...rest.map((line) => `${trunk}${line}`)];
}
