// Returns: a return is requested, approved or declined, and received. The price of the received units is refunded.
import { z } from 'zod';
import { requestedUnitsSchema, returnIdSchema, returnReasonSchema } from '../../domain/fulfilment/events.js';
import { type Return, type ReturnCommand, returns } from '../../domain/fulfilment/return.js';
import { shows, type View } from '../../domain/kernel/answers.js';
import { type CommandMeta, withoutExpectedVersion } from '../../domain/kernel/command.js';
import {
  type Caller,
  type Endpoint,
  type EndpointRequest,
  endpoint,
  type Reply,
  visible,
} from '../../domain/kernel/endpoint.js';
import { orThrow, Problem } from '../../domain/kernel/errors.js';
import { askedId, locationSchema, pathId, streamOf } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import { isRejection } from '../../domain/kernel/rejection.js';
import { type Loaded, loadExisting } from '../../domain/kernel/states.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { lineUnitsSchema, MAX_UNITS_ENTRIES, orderIdSchema, type ReturnedUnits } from '../../domain/order/events.js';
import { type Order, operationCommandId, order, returnRequestId } from '../../domain/order/order.js';
import { requestReturn } from '../../domain/processes/settlement.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { StockPlaces } from '../stock/places.js';
import { findOrder, loadOrder } from './own-orders.js';
import type { Settlement } from './settlement.js';

const orderParams = z.strictObject({ id: pathId(orderIdSchema, 'order_536365') });
const params = z.strictObject({ id: pathId(returnIdSchema, 'return_7Q2mXw') });
const requestedLines = z.array(requestedUnitsSchema).min(1).max(MAX_UNITS_ENTRIES);

const receiveBody = z
  .strictObject({
    location: locationSchema.optional().meta({
      description: 'The location where the goods arrived. Required if they were sent from several locations',
    }),
    lines: z
      .array(lineUnitsSchema.extend({ writeOff: z.boolean().default(false) }))
      .min(1)
      .max(MAX_UNITS_ENTRIES)
      .optional()
      .meta({
        description: 'Default: all units of the request, to be restocked. Units that arrive later need another return',
      }),
  })
  .prefault({});

export interface ReturnEndpointsDeps {
  runner: CommandRunner;
  settlement: Pick<Settlement, 'attempt'>;
  places: Pick<StockPlaces, 'open'>;
  personal: Pick<PersonalData, 'sealFor'>;
  view: View<{ returned: Return; order: Order; reader: Caller }>;
}

type ReturnRequest<B = unknown> = EndpointRequest<z.output<typeof params>, unknown, B>;

export function returnEndpoints({ runner, settlement, places, personal, view }: ReturnEndpointsDeps): Endpoint[] {
  async function request({
    params,
    body,
    caller,
    requestId,
    command,
    newId,
  }: ReturnRequest<{ lines: z.output<typeof requestedLines> }>): Promise<Reply> {
    const known = await findOrder({ runner }, params.id, caller);
    const { orderId, customerId } = known;
    const returnId = newId('return');
    const operationId = returnRequestId(returnId);
    const lines = body.lines.map(({ lineId, quantity }) => ({ lineId, quantity }));
    const texts = body.lines.map(({ reason }) => reason);
    const reasons = await personal.sealFor(customerId, `${streamOf(returnId)}/reasons`, texts);
    const meta = withoutExpectedVersion(command());
    const opening = { type: 'OpenReturn', returnId, lines, reasons } as const;
    const open = () =>
      runner.execute(order, streamOf(orderId), opening, { ...meta, id: operationCommandId(operationId) });
    // The order decides, so that no unit is requested twice, however many requests arrive at once.
    let opened = await open();
    if (isRejection(opened, 'rule_violated') && (await closeDeclined(orderId, meta))) opened = await open();
    const { state, position } = orThrow(opened);
    const {
      id,
      stream,
      command: requested,
    } = requestReturn({ orderId, customerId }, { operationId, returnId, lines, reasons });
    const outcome = orThrow(await runner.execute(returns, stream, requested, { ...meta, id }));
    const seen = await settlement.attempt(orderId, { correlationId: requestId, actor: meta.actor });
    const reply = await shown(201, outcome, { state, position }, caller, ...seen);
    return { ...reply, headers: { Location: `/v1/returns/${returnId}` } };
  }

  /** Closes declined returns that the order was not told about because a worker crashed in between. True if there were any. */
  async function closeDeclined(orderId: string, meta: CommandMeta): Promise<boolean> {
    const { openReturns } = (await loadExisting(runner, order, streamOf(orderId))).state;
    const open = await Promise.all(openReturns.map(({ returnId }) => runner.load(returns, streamOf(returnId))));
    const declined = open.flatMap(({ state: one }) => (one?.status === 'declined' ? [one.returnId] : []));
    for (const returnId of declined) await close(orderId, returnId, meta);
    return declined.length > 0;
  }

  function close(orderId: string, returnId: string, meta: CommandMeta): Promise<unknown> {
    const id = `${returnId}/close`;
    return runner.execute(order, streamOf(orderId), { type: 'CloseReturn', returnId }, { ...meta, id }).then(orThrow);
  }

  async function receive(request: ReturnRequest<z.output<typeof receiveBody>>): Promise<Reply> {
    const { params, body, caller, requestId, command } = request;
    const known = await load(params.id, caller);
    const { returnId, orderId, status } = known;
    if (status !== 'approved' && status !== 'received') {
      throw new Problem('conflict', `${returnId} is ${status}; only an approved return can be received.`);
    }
    const lines = receivedLines(known, body.lines);
    const meta = { ...withoutExpectedVersion(command()), id: operationCommandId(returnId) };
    const { location } = body;
    if (location !== undefined) await openAt(location, orderId, lines, command);
    const received = { type: 'ReceiveReturn', returnId, lines, ...defined({ location }) } as const;
    const { state } = orThrow(await runner.execute(order, streamOf(orderId), received, meta));
    const arrived = await arrivedWith(returnId, state, caller);
    const told = unitsAsText(arrived.lines);
    // Other units do not make a second parcel. Without a key, a second parcel cannot be distinguished from a repeated request.
    if (unitsAsText(lines) !== told || (location !== undefined && location !== arrived.location)) {
      const detail = `${returnId} was received at ${arrived.location}, with ${told}; request another return for units that arrive later.`;
      throw new Problem('conflict', detail);
    }
    const seen = await settlement.attempt(orderId, { correlationId: requestId, actor: meta.actor });
    const settled = await loadExisting(runner, returns, streamOf(returnId));
    return shown(200, settled, await loadOrder({ runner }, orderId, caller), caller, ...seen);
  }

  /** The units that the order took back. The return itself knows them once the order has settled the operation. */
  async function arrivedWith(
    returnId: string,
    { unsettled }: Order,
    caller: Caller,
  ): Promise<{ lines: readonly ReturnedUnits[]; location: string }> {
    const operation = unsettled.find(({ operationId }) => operationId === returnId);
    return operation?.kind === 'return' ? operation : (await load(returnId, caller)).received!;
  }

  /** Goods may be returned to a location that never had this SKU. */
  async function openAt(
    location: string,
    orderId: string,
    units: readonly ReturnedUnits[],
    command: ReturnRequest['command'],
  ): Promise<void> {
    const { lines } = (await loadExisting(runner, order, streamOf(orderId))).state;
    const skus = new Set(units.flatMap(({ lineId }) => lines.find(({ id }) => id === lineId)?.sku ?? []));
    await Promise.all(
      [...skus].map((sku) => places.open({ sku, location }, (part) => withoutExpectedVersion(command(part)))),
    );
  }

  async function decide({ params, caller, command }: ReturnRequest, decision: ReturnCommand): Promise<Reply> {
    const { returnId, orderId } = await load(params.id, caller);
    const outcome = orThrow(await runner.execute(returns, streamOf(returnId), decision, command()));
    if (decision.type === 'DeclineReturn') await close(orderId, returnId, withoutExpectedVersion(command('close')));
    return shown(200, outcome, await loadOrder({ runner }, orderId, caller), caller);
  }

  async function decline(request: ReturnRequest<{ reason: string }>): Promise<Reply> {
    const { returnId, customerId } = await load(request.params.id, request.caller);
    const reason = await personal.sealFor(customerId, `${streamOf(returnId)}/reason`, request.body.reason);
    return decide(request, { type: 'DeclineReturn', reason });
  }

  async function load(id: string, caller: Caller): Promise<Return> {
    const { state } = await runner.load(returns, streamOf(askedId(returnIdSchema, id)));
    return visible(state, id, caller);
  }

  async function shown(
    status: number,
    loaded: Loaded<Return>,
    { state: ordered, position: { commitNo } }: Loaded<Order>,
    reader: Caller,
    ...seen: readonly [StreamId, number][]
  ): Promise<Reply> {
    const { state: returned } = loaded;
    const body = await view.of({ returned, order: ordered, reader });
    return shows(status, body, streamOf(returned.returnId), loaded, [streamOf(ordered.orderId), commitNo], ...seen);
  }

  const step = <B>(
    word: string,
    summary: string,
    body: z.ZodType<B> | undefined,
    handle: (request: ReturnRequest<B>) => Promise<Reply>,
  ) =>
    endpoint({
      method: 'post',
      path: `/v1/returns/{id}/${word}`,
      summary,
      roles: ['support'],
      idempotency: 'accepted',
      params,
      find: ({ params, caller }) => load(params.id, caller),
      ...defined({ body }),
      answers: { 200: view.schema },
      handle,
    });

  return [
    endpoint({
      method: 'post',
      path: '/v1/orders/{id}/returns',
      summary: 'Request a return',
      description: 'The lines name units of the order that were sent and that the customer will send back.',
      roles: ['customer', 'support'],
      idempotency: 'accepted',
      params: orderParams,
      find: ({ params, caller }) => findOrder({ runner }, params.id, caller),
      body: z.strictObject({ lines: requestedLines }),
      answers: { 201: view.schema },
      handle: request,
    }),
    step('approve', 'Approve a return', undefined, (request) => decide(request, { type: 'ApproveReturn' })),
    step('decline', 'Decline a return', z.strictObject({ reason: returnReasonSchema }), decline),
    step('receive', 'Receive a return: put its units back into stock and refund them', receiveBody, receive),
  ];
}

/** All announced units, or as many of them as arrived. */
function receivedLines(
  { returnId, lines: announced }: Return,
  arrived: z.output<typeof receiveBody>['lines'],
): ReturnedUnits[] {
  if (!arrived) return announced.map(({ lineId, quantity }) => ({ lineId, quantity }));
  const left = new Map<string, number>();
  for (const { lineId, quantity } of announced) left.set(lineId, (left.get(lineId) ?? 0) + quantity);
  return arrived.map(({ lineId, quantity, writeOff }) => {
    const announcedUnits = left.get(lineId);
    if (announcedUnits === undefined) throw new Problem('rule_violated', `${returnId} has no line ${lineId}.`);
    const rest = announcedUnits - quantity;
    if (rest < 0) throw new Problem('rule_violated', `${returnId} has fewer units of line ${lineId}.`);
    left.set(lineId, rest);
    return { lineId, quantity, ...defined({ writtenOff: writeOff || undefined }) };
  });
}

/** The same text for the same units, in any sequence and split. */
function unitsAsText(lines: readonly ReturnedUnits[]): string {
  const units = new Map<string, number>();
  for (const { lineId, quantity, writtenOff } of lines) {
    const what = `of line ${lineId}${writtenOff ? ' (written off)' : ''}`;
    units.set(what, (units.get(what) ?? 0) + quantity);
  }
  return [...units]
    .map(([what, quantity]) => `${quantity} ${what}`)
    .sort()
    .join(', ');
}
