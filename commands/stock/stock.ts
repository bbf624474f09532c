// Stock movements: received, found, lost, counted or transferred units, and what may be promised.
import { z } from 'zod';
import { shows } from '../../domain/kernel/answers.js';
import { withoutExpectedVersion } from '../../domain/kernel/command.js';
import { type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { enforced } from '../../domain/kernel/enforced.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { askedId, DEFAULT_LOCATION, locationSchema, pathId, skuSchema } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import {
  MAX_QUANTITY,
  quantitySchema,
  receiptDetailsSchema,
  stockPolicySchema,
  stockReasonSchema,
} from '../../domain/stock/events.js';
import {
  availableOf,
  type StockCommand,
  type StockItem,
  type StockKey,
  stockItem,
  stockStream,
} from '../../domain/stock/stock-item.js';
import type { SkuOwners } from '../product/sku-owners.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import { createStockPlaces } from './places.js';
import { arrive } from './transfer.js';

const params = z.strictObject({ sku: pathId(skuSchema, 'MUG-BLUE') });
const location = locationSchema.default(DEFAULT_LOCATION);

const levelAnswer = z
  .strictObject({
    sku: skuSchema,
    location: locationSchema,
    onHand: z.int().meta({ description: 'Units at the location' }),
    reserved: z.int().meta({ description: 'Units reserved for checkouts' }),
    committed: z.int().meta({ description: 'Units that are sold and not sent yet' }),
    available: z.int().meta({ description: 'onHand − reserved − committed' }),
  })
  .meta({ id: 'StockLevel' });

const receiptDetails = receiptDetailsSchema.shape;
const receiptBody = z.strictObject({
  location,
  quantity: quantitySchema,
  reason: receiptDetails.reason,
  cost: receiptDetails.cost.meta({
    description: 'What one unit costs the shop, in any currency',
    example: { amount: 350, currency: 'EUR' },
  }),
  supplier: receiptDetails.supplier.meta({ description: 'The supplier of the units', example: 'Hearth Ceramics Ltd' }),
  lot: receiptDetails.lot.meta({ description: 'The lot or batch number of the manufacturer', example: 'L2026-11-A' }),
});

const transferBody = z
  .strictObject({ from: location, to: location, quantity: quantitySchema })
  .refine(({ from, to }) => from !== to, { path: ['to'], error: 'from and to must differ' });

const transferAnswer = z.strictObject({ from: levelAnswer, to: levelAnswer }).meta({ id: 'StockTransfer' });

const policyBody = stockPolicySchema.extend({
  location,
  backorderLimit: stockPolicySchema.shape.backorderLimit
    .unwrap()
    .default(0)
    .meta({ description: 'Units that may be reserved beyond the units on hand' }),
  lowStockAt: stockPolicySchema.shape.lowStockAt.meta({
    description:
      'An event is written when the available units fall to this number or below. Without it, no such event is written',
  }),
});

const policyAnswer = stockPolicySchema
  .extend({ sku: skuSchema, location: locationSchema })
  .required({ backorderLimit: true })
  .meta({ id: 'StockPolicy' });

/** The fields of a movement other than its kind. */
interface Movement extends StockKey {
  movementId: string;
  productId: string;
}

type SkuRequest<B> = EndpointRequest<{ sku: string }, unknown, B>;

export interface StockEndpointsDeps {
  runner: CommandRunner;
  skuOwners: SkuOwners;
}

export function stockEndpoints({ runner, skuOwners }: StockEndpointsDeps): Endpoint[] {
  const places = createStockPlaces({ runner, skuOwners });
  const ownerAt = (place: StockKey, command: SkuRequest<unknown>['command']): Promise<string> =>
    places.ownerAt(place, (part) => withoutExpectedVersion(command(part)));
  const find = ({ params }: { params: { sku: string } }) => places.ownerOf(askedId(skuSchema, params.sku));

  async function transfer({ params, body, command }: SkuRequest<z.output<typeof transferBody>>): Promise<Reply> {
    const sku = askedId(skuSchema, params.sku);
    const { from, to, quantity } = body;
    const productId = await ownerAt({ sku, location: to }, command);
    const meta = command();
    const key = { sku, location: from };
    const departure = { ...key, to, movementId: meta.id, productId, quantity };
    const left = orThrow(
      await runner.execute(stockItem, stockStream(key), { type: 'TransferOut', ...departure }, meta),
    );
    const cause = { eventId: `${meta.id}:0`, at: left.position.at };
    const arrived = await arrive(runner, departure, { ...withoutExpectedVersion(meta), cause });
    const there = { sku, location: to };
    return {
      status: 201,
      body: { from: levelOf(key, left.state), to: levelOf(there, arrived.state) },
      seen: [
        [stockStream(key), left.position.commitNo],
        [stockStream(there), arrived.position.commitNo],
      ],
    };
  }

  async function setPolicy({ params, body, command }: SkuRequest<z.output<typeof policyBody>>): Promise<Reply> {
    const sku = askedId(skuSchema, params.sku);
    const { location, ...policy } = body;
    const key = { sku, location };
    const productId = await ownerAt(key, command);
    const set = { type: 'SetStockPolicy', ...key, productId, ...policy } as const;
    const outcome = orThrow(await runner.execute(stockItem, stockStream(key), set, command()));
    const { backorderLimit = 0, ...rest } = outcome.state.policy;
    return shows(200, { ...key, backorderLimit, ...rest }, stockStream(key), outcome);
  }

  function movement<B extends { location: string }>(
    word: string,
    summary: string,
    body: z.ZodType<B>,
    commandOf: (movement: Movement, body: B) => StockCommand,
  ): Endpoint {
    async function handle({ params, body, command }: SkuRequest<B>): Promise<Reply> {
      const sku = askedId(skuSchema, params.sku);
      const key = { sku, location: body.location };
      const productId = await ownerAt(key, command);
      const meta = command();
      const moved = commandOf({ ...key, movementId: meta.id, productId }, body);
      const outcome = orThrow(await runner.execute(stockItem, stockStream(key), moved, meta));
      return shows(201, levelOf(key, outcome.state), stockStream(key), outcome);
    }

    return endpoint({
      method: 'post',
      path: `/v1/stock/{sku}/${word}`,
      summary,
      roles: ['catalogue'],
      idempotency: 'required',
      params,
      find,
      body,
      answers: { 201: levelAnswer },
      handle,
    });
  }

  return [
    movement('receipts', 'Receive units of a SKU', receiptBody, (movement, { location: _, ...receipt }) => ({
      type: 'ReceiveStock',
      ...movement,
      ...receipt,
    })),
    movement(
      'adjustments',
      'Adjust the units on hand of a SKU',
      z.strictObject({
        location,
        quantity: z
          .int()
          .min(-MAX_QUANTITY)
          .max(MAX_QUANTITY)
          .refine((units) => units !== 0, 'must not be 0')
          .meta({ description: 'Positive: units that were found. Negative: units that were lost' })
          .register(enforced, { not: { const: 0 } }),
        reason: stockReasonSchema.default('unspecified'),
      }),
      (movement, { quantity, reason }) => ({ type: 'AdjustStock', ...movement, delta: quantity, reason }),
    ),
    movement(
      'counts',
      'Record a count: set the units on hand to the counted number',
      z.strictObject({
        location,
        quantity: z.int().min(0).max(MAX_QUANTITY),
        expected: z.int().min(0).max(MAX_QUANTITY).optional().meta({
          description: 'The units on hand that the caller has read. The count is refused if they have changed',
        }),
      }),
      (movement, { quantity, expected }) => ({
        type: 'CountStock',
        ...movement,
        quantity,
        ...defined({ expected }),
      }),
    ),
    endpoint({
      method: 'post',
      path: '/v1/stock/{sku}/transfers',
      summary: 'Transfer units of a SKU to another location',
      roles: ['catalogue'],
      idempotency: 'required',
      params,
      find,
      body: transferBody,
      answers: { 201: transferAnswer },
      handle: transfer,
    }),
    endpoint({
      method: 'put',
      path: '/v1/stock/{sku}/policy',
      summary: 'Set the stock policy of a SKU',
      description:
        'The policy says how many units may be reserved beyond the units on hand, and when stock is low. A field that is left out is cleared.',
      roles: ['catalogue'],
      idempotency: 'accepted',
      params,
      find,
      body: policyBody,
      answers: { 200: policyAnswer },
      handle: setPolicy,
    }),
  ];
}

function levelOf(key: StockKey, item: StockItem): z.output<typeof levelAnswer> {
  const { onHand, reserved, committed } = item;
  return { ...key, onHand, reserved, committed, available: availableOf(item) };
}
