// The operations over HTTP: streams in quarantine, skipped commits, pauses, and payments whose provider does not answer.
import { z } from 'zod';
import { type Endpoint, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { askedId, pathId, streamOf } from '../../domain/kernel/id.js';
import { shortText } from '../../domain/kernel/text.js';
import { opsReasonSchema, skipIdSchema, targetSchema } from '../../domain/ops/events.js';
import type { Ops } from '../../domain/ops/ops.js';
import { paymentIdSchema } from '../../domain/order/events.js';
import { RECORDED_OUTCOMES } from '../../domain/payment/events.js';
import type { Operations } from './operations.js';

const commit = { id: z.string(), projection: z.string(), stream: z.string(), commitNo: z.int() };

const retryAnswer = z
  .strictObject({
    ...commit,
    status: z.enum(['applied', 'quarantined']),
    error: z.string().optional().meta({ description: 'Why the commit, or a later one, cannot be processed' }),
  })
  .meta({ id: 'RetriedCommit' });

const skipAnswer = z.strictObject({ ...commit, skipped: z.boolean() }).meta({ id: 'SkipDecision' });
const workAnswer = z.strictObject({ target: z.string(), paused: z.boolean() }).meta({ id: 'WorkDecision' });

const mustExplain = z.strictObject({ reason: opsReasonSchema });
const mayExplain = z.strictObject({ reason: opsReasonSchema.optional() }).optional();

const entryParams = z.strictObject({ id: pathId(skipIdSchema, '5ZJ2C0RXM9B4T7W1KQH8N6D3VE') });
const workParams = z.strictObject({ target: pathId(targetSchema, 'agenda') });

export function opsEndpoints({ operations }: { operations: Operations }): Endpoint[] {
  const opsOnly = { method: 'post', roles: ['ops'], idempotency: 'accepted' } as const;
  return [
    endpoint({
      ...opsOnly,
      path: '/v1/ops/quarantine/{id}/retry',
      summary: 'Retry a commit in quarantine',
      description: 'The projection processes the commit again, and all later commits of the stream.',
      params: entryParams,
      find: ({ params }) => operations.entryOf(askedId(skipIdSchema, params.id)),
      body: mayExplain,
      answers: { 200: retryAnswer },
      async handle({ params, body, command }) {
        const { entry, left } = await operations.retry(askedId(skipIdSchema, params.id), body?.reason, command());
        const { id, projection, stream, commitNo } = entry;
        const outcome = left ? { status: 'quarantined' as const, error: left.error } : { status: 'applied' as const };
        return { status: 200, body: { id, projection, stream, commitNo, ...outcome } };
      },
    }),
    endpoint({
      ...opsOnly,
      path: '/v1/ops/quarantine/{id}/skip',
      summary: 'Skip a commit in quarantine',
      description:
        'The projection goes on as if the commit did not exist, also when it is compared with the log or rebuilt. The log keeps the commit.',
      params: entryParams,
      find: ({ params }) => operations.commitOf(askedId(skipIdSchema, params.id)),
      body: mustExplain,
      answers: { 201: skipAnswer },
      async handle({ params, body, command }) {
        const skip = await operations.skip(askedId(skipIdSchema, params.id), body.reason, command());
        const { skipId: id, ...rest } = skip;
        return { status: 201, body: { id, ...rest, skipped: true } };
      },
    }),
    endpoint({
      ...opsOnly,
      path: '/v1/ops/skips/{id}/end',
      summary: 'End the skip of a commit',
      description: 'Documents that lack the commit are found by the next comparison with the log, which repairs them.',
      params: entryParams,
      find: ({ params }) => operations.skipOf(askedId(skipIdSchema, params.id)),
      body: mustExplain,
      answers: { 200: skipAnswer },
      async handle({ params, body, command }) {
        const skip = await operations.endSkip(askedId(skipIdSchema, params.id), body.reason, command());
        const { skipId: id, ...rest } = skip;
        return { status: 200, body: { id, ...rest, skipped: false } };
      },
    }),
    endpoint({
      ...opsOnly,
      path: '/v1/ops/work/{target}/pause',
      summary: 'Pause a projection or the agenda',
      description: 'A paused projection shows what it has. A paused agenda does no work that is due.',
      params: workParams,
      find: async ({ params }) => operations.requireTarget(params.target),
      body: mustExplain,
      answers: { 200: workAnswer },
      async handle({ params, body, command }) {
        const target = askedId(targetSchema, params.target);
        return workReply(target, await operations.pause(target, body.reason, command()));
      },
    }),
    endpoint({
      ...opsOnly,
      path: '/v1/ops/work/{target}/resume',
      summary: 'Resume a projection or the agenda',
      description: 'A resumed projection catches up.',
      params: workParams,
      find: async ({ params }) => operations.requireTarget(params.target),
      body: mayExplain,
      answers: { 200: workAnswer },
      async handle({ params, body, command }) {
        const target = askedId(targetSchema, params.target);
        return workReply(target, await operations.resume(target, body?.reason, command()));
      },
    }),
    endpoint({
      ...opsOnly,
      roles: ['ops', 'support'],
      idempotency: 'required',
      path: '/v1/ops/payments/{id}/resolve',
      summary: 'Resolve a parked payment',
      description:
        'States what became of an operation that the payment provider does not report. Look it up at the provider first: the shop goes on as if the provider had said it.',
      params: z.strictObject({ id: pathId(paymentIdSchema, 'payment_536365') }),
      find: ({ params }) => operations.paymentOf(askedId(paymentIdSchema, params.id)),
      body: z.strictObject({
        operationId: shortText(200),
        outcome: z.enum(RECORDED_OUTCOMES),
        providerRef: shortText(200).optional().meta({
          description: "The provider's reference, if an authorisation is done and the shop does not know it",
        }),
        reason: opsReasonSchema,
      }),
      answers: {
        200: z
          .strictObject({ paymentId: z.string(), orderId: z.string(), operationId: z.string(), outcome: z.string() })
          .meta({ id: 'ResolvedPayment' }),
      },
      async handle({ params, body, command }) {
        const paymentId = askedId(paymentIdSchema, params.id);
        const { state, position } = await operations.resolvePayment(paymentId, body, command());
        const { orderId } = state;
        const { operationId, outcome } = body;
        const answer = { paymentId, orderId, operationId, outcome };
        return { status: 200, body: answer, seen: [[streamOf(paymentId), position.commitNo]] };
      },
    }),
  ];
}

function workReply(target: string, { paused }: Ops): Reply {
  return { status: 200, body: { target, paused: paused.includes(target) } };
}
