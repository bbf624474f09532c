// Changes to an order after it is placed, apart from shipping: it is cancelled in whole or in part, held and resumed, and unpaid
// amounts for sent goods are captured again.
import { z } from 'zod';
import { type Address, addressSchema } from '../../domain/kernel/address.js';
import {
  type Caller,
  type Endpoint,
  type EndpointRequest,
  endpoint,
  type Reply,
} from '../../domain/kernel/endpoint.js';
import { invalidFields, orThrow, Problem, problemOf } from '../../domain/kernel/errors.js';
import { pathId, streamOf } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import { isForgotten, type Personal, type PersonalData } from '../../domain/kernel/personal.js';
import { isRejection } from '../../domain/kernel/rejection.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { shortText } from '../../domain/kernel/text.js';
import { lineUnitsSchema, MAX_UNITS_ENTRIES, orderIdSchema, STAFF_HOLD_CODES } from '../../domain/order/events.js';
import { type Order, type OrderCommand, operationCommandId, order } from '../../domain/order/order.js';
import { heldOf } from '../../domain/payment/ledger.js';
import { payment } from '../../domain/payment/payment.js';
import { isNoLongerOwed, owedOf } from '../../domain/processes/settlement.js';
import type { Addresses } from '../address/addresses.js';
import type { CheckoutProcess } from '../checkout/process.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { MovedOrders } from './moved-orders.js';
import { findOrder } from './own-orders.js';
import type { Settlement } from './settlement.js';
import type { ShownOrders } from './shown-orders.js';

const params = z.strictObject({ id: pathId(orderIdSchema, 'order_536365') });
const NO_REASON = 'cancelled';
const reason = shortText(200);
const cancelBody = z
  .strictObject({
    lines: z
      .array(lineUnitsSchema)
      .min(1)
      .max(MAX_UNITS_ENTRIES)
      .optional()
      .meta({ description: 'Default: all units that are not sent yet' }),
    reason: reason.default(NO_REASON).meta({ description: 'The customer sees it' }),
  })
  .prefault({});

const { line2, city, region, postcode, ...required } = addressSchema.shape;
const addressBody = z
  .strictObject({
    ...required,
    line2: line2.unwrap().nullable(),
    city: city.unwrap().nullable(),
    region: region.unwrap().nullable(),
    postcode: postcode.unwrap().nullable(),
  })
  .partial()
  .meta({ description: 'A field that is left out does not change; `null` clears it' });

export interface OrderEndpointsDeps {
  runner: CommandRunner;
  checkout: Pick<CheckoutProcess, 'resume'>;
  settlement: Pick<Settlement, 'attempt'>;
  view: ShownOrders;
  personal: Pick<PersonalData, 'open' | 'sealFor'>;
  addresses: Addresses;
  moved: MovedOrders;
}

type OrderRequest<B = unknown> = EndpointRequest<z.output<typeof params>, unknown, B>;

export function orderEndpoints(deps: OrderEndpointsDeps): Endpoint[] {
  const { runner, checkout, settlement, view, personal, addresses, moved } = deps;

  /** The text of a person is sealed. That a customer gave no reason is no secret. */
  async function written({ orderId, customerId }: Order, text: string): Promise<Personal<string>> {
    return text === NO_REASON ? text : personal.sealFor(customerId, `${streamOf(orderId)}/reason`, text);
  }

  async function cancel(request: OrderRequest<z.output<typeof cancelBody>>): Promise<Reply> {
    const { params, body, caller, requestId, command, newId } = request;
    const known = await findOrder({ runner }, params.id, caller);
    const { lines } = body;
    const reason = await written(known, body.reason);
    if (known.status === 'placed' && !lines) {
      const seen = await cancelBeforeConfirmed(known, reason, request);
      if (seen) return shown(caller, params.id, seen);
    }
    const cancellationId = newId('cancellation');
    const meta = { ...command(), id: operationCommandId(cancellationId) };
    const cancelled = { type: 'CancelLines', cancellationId, lines, reason } as const;
    orThrow(await runner.execute(order, streamOf(params.id), cancelled, meta));
    return shown(
      caller,
      params.id,
      await settlement.attempt(params.id, { correlationId: requestId, actor: meta.actor }),
    );
  }

  /** The checkout undoes its steps. Undefined if the order was confirmed first: then it is cancelled like any other. */
  async function cancelBeforeConfirmed(
    { orderId }: Order,
    reason: Personal<string>,
    { command }: Pick<OrderRequest, 'command'>,
  ): Promise<Map<StreamId, number> | undefined> {
    const stream = streamOf(orderId);
    const cancelled = await runner.execute(order, stream, { type: 'CancelOrder', reason }, command('whole'));
    if (isRejection(cancelled, 'conflict')) return undefined;
    const { position } = orThrow(cancelled);
    const undone = await checkout.resume(orderId);
    return new Map([...(undone?.seen ?? []), [stream, position.commitNo]]);
  }

  /**
   * The settlement captures the amount that is owed at that time, or voids the authorisation if nothing is owed. Repeated
   * requests do no harm.
   */
  async function collect({ params, caller, requestId, command, newId }: OrderRequest): Promise<Reply> {
    const known = await findOrder({ runner }, params.id, caller);
    const { orderId, operationIds } = known;
    const collectionId = newId('collection');
    if (!operationIds.includes(collectionId)) await checkOwed(known);
    const meta = { ...command(), id: operationCommandId(collectionId) };
    orThrow(await runner.execute(order, streamOf(orderId), { type: 'RequestCollection', collectionId }, meta));
    return shown(caller, orderId, await settlement.attempt(orderId, { correlationId: requestId, actor: meta.actor }));
  }

  async function checkOwed(known: Order): Promise<void> {
    const { orderId, paymentId } = known;
    const { state: ledger } = await runner.load(payment, streamOf(paymentId));
    if (!ledger || (owedOf(known, ledger) === 0 && !isNoLongerOwed(known, ledger))) {
      throw new Problem(
        'conflict',
        `No money is owed for the sent units of ${orderId}, or its settlement is not finished yet.`,
      );
    }
    if (heldOf(ledger) === 0)
      throw new Problem('conflict', `${paymentId} no longer holds money, so nothing can be captured.`);
  }

  const find = ({ params, caller }: Pick<OrderRequest, 'params' | 'caller'>) =>
    findOrder({ runner }, params.id, caller);

  function change<B>(
    word: string,
    summary: string,
    body: z.ZodType<B> | undefined,
    commandOf: (body: B, known: Order) => OrderCommand | Promise<OrderCommand>,
  ): Endpoint {
    return endpoint({
      method: 'post',
      path: `/v1/orders/{id}/${word}`,
      summary,
      roles: ['support'],
      idempotency: 'accepted',
      params,
      find,
      ...defined({ body }),
      answers: { 200: view.schema },
      async handle({ params, body, caller, command }: OrderRequest<B>) {
        const known = await findOrder({ runner }, params.id, caller);
        const stream = streamOf(params.id);
        const change = await commandOf(body, known);
        const { position } = orThrow(await runner.execute(order, stream, change, command()));
        return shown(caller, params.id, [[stream, position.commitNo]]);
      },
    });
  }

  async function changeAddress(request: OrderRequest<z.output<typeof addressBody>>): Promise<Reply> {
    const { params, body, caller, command } = request;
    const known = await findOrder({ runner }, params.id, caller);
    const { orderId } = known;
    const before = known.shippingAddress && (await personal.open(known.shippingAddress));
    if (!before || isForgotten(before)) throw new Problem('conflict', `${orderId} has no address to change.`);
    const asked = changed(before, body);
    // An order whose address can no longer change is rejected for that reason, before the new address is checked.
    const decision = order.decide({ type: 'ChangeShippingAddress', shippingAddress: asked }, known, 0);
    if (isRejection(decision)) throw problemOf(decision);
    const address = await addresses.accept(asked);
    const change = { type: 'ChangeShippingAddress', shippingAddress: address } as const;
    const refusal = await moved.refusal(known, before, address);
    if (refusal) throw problemOf(refusal);
    const stream = streamOf(orderId);
    const { position } = orThrow(await runner.execute(order, stream, change, command()));
    return shown(caller, orderId, [[stream, position.commitNo]]);
  }

  async function shown(reader: Caller, orderId: string, seen: Iterable<readonly [StreamId, number]>): Promise<Reply> {
    const shown = (await view.of({ orderId, reader }))!;
    return { status: 200, body: shown, version: shown.version, seen };
  }

  return [
    endpoint({
      method: 'post',
      path: '/v1/orders/{id}/cancel',
      summary: 'Cancel an order',
      description:
        'Cancels units that are not sent yet: all of them, or the given `lines`. Money that was captured for them is refunded.',
      roles: ['customer', 'support'],
      idempotency: 'accepted',
      params,
      find,
      body: cancelBody,
      answers: { 200: view.schema },
      handle: cancel,
    }),
    change(
      'hold',
      'Hold an order: nothing is sent until it is resumed',
      z.strictObject({
        reason: reason.meta({ description: 'Only support sees it' }),
        code: z.enum(STAFF_HOLD_CODES).default('other').meta({ description: 'The kind of reason' }),
      }),
      async ({ reason, code }, known) => ({ type: 'HoldOrder', code, note: await written(known, reason) }),
    ),
    change('resume', 'Resume an order that is held', undefined, () => ({ type: 'ResumeOrder' })),
    endpoint({
      method: 'patch',
      path: '/v1/orders/{id}/shipping-address',
      summary: 'Change the shipping address of an order',
      description:
        'Possible until the first units are sent. The amounts of the order do not change: an address with a different tax or ' +
        'shipping price is refused.',
      roles: ['support'],
      idempotency: 'accepted',
      params,
      find,
      body: addressBody,
      answers: { 200: view.schema },
      handle: changeAddress,
    }),
    endpoint({
      method: 'post',
      path: '/v1/orders/{id}/collect',
      summary: 'Collect an unpaid amount of an order',
      description: 'If the capture for sent units failed, requests the money from the payment provider again.',
      roles: ['support'],
      idempotency: 'accepted',
      params,
      answers: { 200: view.schema },
      handle: collect,
    }),
  ];
}

/** Throws `invalid_request` if the changed address is no longer valid. */
function changed(address: Address, changes: { [K in keyof Address]?: Address[K] | null | undefined }): Address {
  const left = Object.entries({ ...address, ...changes }).filter(([, value]) => value != null);
  const result = addressSchema.safeParse(Object.fromEntries(left));
  if (result.success) return result.data;
  throw invalidFields(
    result.error.issues.map(({ path, message }) => ({ pointer: `/${path.join('/')}`, detail: message })),
  );
}
