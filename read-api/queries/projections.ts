// Projections as ops see them: their versions, lag and builds; rebuilds and rollbacks.
import { z } from 'zod';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { defined } from '../../domain/kernel/json.js';
import { MAX_SEGMENTS, type ProjectionReport, type Rebuilds } from '../../projections/rebuild/rebuilds.js';
import { PHASES } from '../../projections/runtime/builds.js';

const name = z.string().meta({ pattern: '^[a-z][a-z0-9-]{0,49}$', example: 'orders' });

const buildAnswer = z
  .strictObject({
    build: z.int(),
    version: z.string(),
    phase: z.enum(['serving', 'previous', ...PHASES, 'failed']).meta({
      description:
        'The previous build is kept up to date for a rollback. The other phases are those of a rebuild, in order',
    }),
    startedAt: z.iso.datetime().optional(),
    commits: z
      .strictObject({ done: z.int(), total: z.int() })
      .optional()
      .meta({ description: 'Commits of the log that the phase has done' }),
    perSecond: z.number().optional(),
    secondsLeft: z.int().optional().meta({ description: 'Until the phase ends' }),
    runner: z.string().optional().meta({ description: 'The process that runs the rebuild' }),
    waitsFor: z.string().optional().meta({ description: 'What does not answer now. The rebuild continues by itself' }),
    error: z.string().optional().meta({ description: 'Why the rebuild was given up' }),
    failedAt: z.iso.datetime().optional(),
  })
  .meta({ id: 'Build' });

const projectionAnswer = z
  .strictObject({
    name,
    version: z.string().meta({ description: 'It is another one after every rebuild', example: '3.2' }),
    lag: z.strictObject({
      commits: z.int(),
      seconds: z.number(),
      atLeast: z.boolean().meta({ description: 'True if the numbers are lower bounds' }),
    }),
    paused: z.boolean().meta({ description: 'An operator has paused it' }),
    quarantine: z.int().meta({ description: 'Streams that stop at a commit which the projection cannot process' }),
    builds: z.array(buildAnswer),
  })
  .meta({ id: 'Projection' });

const servedAnswer = z.strictObject({ name, version: z.string() });

export function projectionEndpoints({ rebuilds }: { rebuilds: Rebuilds }): Endpoint[] {
  function known(asked: string): string {
    if (rebuilds.names.includes(asked)) return asked;
    throw new Problem('not_found', `There is no projection ${asked}; there are: ${rebuilds.names.join(', ')}.`);
  }

  return [
    endpoint({
      method: 'get',
      path: '/v1/ops/projections',
      summary: 'List projections',
      description: 'Shows the version that serves, how far it is behind the log, and the builds of each projection.',
      roles: ['ops'],
      answers: { 200: z.strictObject({ data: z.array(projectionAnswer) }) },
      handle: async () => ({ status: 200, body: { data: (await rebuilds.report()).map(viewOf) } }),
    }),
    endpoint({
      method: 'post',
      path: '/v1/ops/projections/{name}/rebuilds',
      summary: 'Rebuild a projection',
      description:
        'A new build is made beside the one that serves, compared with the log, and then serves. The address in `Location` ' +
        'shows its progress. If a rebuild of the projection is in progress, the answer is 409.',
      roles: ['ops'],
      idempotency: 'accepted',
      params: z.strictObject({ name }),
      find: async ({ params }) => known(params.name),
      body: z
        .strictObject({
          segments: z.int().min(1).max(MAX_SEGMENTS).optional(),
          verify: z.enum(['sample', 'full']).optional(),
        })
        .optional(),
      answers: { 202: buildAnswer },
      problems: ['conflict'],
      async handle({ params, body }) {
        const report = await rebuilds.request(known(params.name), defined(body ?? {}));
        const headers = { Location: `/v1/ops/projections/${params.name}/rebuilds/${report.build}` };
        return { status: 202, body: report, headers };
      },
    }),
    endpoint({
      method: 'get',
      path: '/v1/ops/projections/{name}/rebuilds/{build}',
      summary: 'Get a build of a projection',
      roles: ['ops'],
      params: z.strictObject({ name, build: z.string().meta({ pattern: '^[1-9][0-9]{0,8}$', example: '2' }) }),
      answers: { 200: buildAnswer },
      async handle({ params }) {
        return { status: 200, body: await rebuilds.build(known(params.name), Number(params.build)) };
      },
    }),
    endpoint({
      method: 'post',
      path: '/v1/ops/projections/{name}/rollback',
      summary: 'Roll back a projection',
      description:
        'The build before serves again. Both are kept up to date, so nothing is lost, and a second rollback undoes the first.',
      roles: ['ops'],
      idempotency: 'accepted',
      params: z.strictObject({ name }),
      find: async ({ params }) => known(params.name),
      answers: { 200: servedAnswer },
      problems: ['conflict'],
      async handle({ params }) {
        const { version } = await rebuilds.rollback(known(params.name));
        return { status: 200, body: { name: params.name, version } };
      },
    }),
  ];
}

function viewOf({ name, version, lag, paused, quarantine, builds }: ProjectionReport) {
  return { name, version, lag, paused, quarantine: quarantine.length, builds };
}
