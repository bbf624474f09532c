// Moving stock: what came in, what was found or lost, what was counted.
import { z } from 'zod';
import { type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { askedId, DEFAULT_LOCATION, locationSchema, skuSchema } from '../../domain/kernel/id.js';
import { MAX_QUANTITY, quantitySchema, stockReasonSchema } from '../../domain/stock/events.js';
import { availableOf, type StockCommand, stockItem, stockStream } from '../../domain/stock/stock-item.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import { shows } from './answers.js';
import type { SkuOwners } from './sku-owners.js';

const params = z.strictObject({ sku: z.string().meta({ example: 'MUG-BLUE' }) });
const location = locationSchema.default(DEFAULT_LOCATION);

const levelAnswer = z
  .strictObject({
    sku: skuSchema,
    location: locationSchema,
    onHand: z.int().meta({ description: 'Units that are there' }),
    reserved: z.int().meta({ description: 'Held for checkouts' }),
    committed: z.int().meta({ description: 'Sold and not sent yet' }),
    available: z.int().meta({ description: 'onHand − reserved − committed' }),
  })
  .meta({ id: 'StockLevel' });

/** What a movement has besides its kind. */
interface Movement {
  sku: string;
  location: string;
  movementId: string;
  productId: string;
}

export interface StockEndpointsDeps {
  runner: CommandRunner;
  skuOwners: SkuOwners;
}

export function stockEndpoints({ runner, skuOwners }: StockEndpointsDeps): Endpoint[] {
  function movement<B extends { location: string }>(
    word: string,
    summary: string,
    body: z.ZodType<B>,
    commandOf: (movement: Movement, body: B) => StockCommand,
  ): Endpoint {
    async function handle({ params, body, command }: EndpointRequest<{ sku: string }, unknown, B>): Promise<Reply> {
      const sku = askedId(skuSchema, params.sku);
      const productId = await skuOwners.of(sku);
      if (!productId) throw new Problem('not_found', `There is no SKU ${sku}; add it to a product first.`);
      const meta = command();
      const key = { sku, location: body.location };
      const moved = commandOf({ ...key, movementId: meta.id, productId }, body);
      const outcome = await runner.execute(stockItem, stockStream(key), moved, meta);
      const { onHand, reserved, committed } = outcome.state;
      const level = { ...key, onHand, reserved, committed, available: availableOf(outcome.state) };
      return shows(201, level, stockStream(key), outcome);
    }

    return endpoint({
      method: 'post',
      path: `/v1/stock/{sku}/${word}`,
      summary,
      roles: ['catalogue'],
      idempotency: 'required',
      params,
      body,
      answers: { 201: levelAnswer },
      handle,
    }) as Endpoint;
  }

  return [
    movement(
      'receipts',
      'Receive units of a SKU',
      z.strictObject({ location, quantity: quantitySchema, reason: stockReasonSchema.optional() }),
      (movement, { quantity, reason }) => ({ type: 'ReceiveStock', ...movement, quantity, ...(reason && { reason }) }),
    ),
    movement(
      'adjustments',
      'Adjust the units on hand by what was found (positive) or lost (negative)',
      z.strictObject({
        location,
        quantity: z
          .int()
          .min(-MAX_QUANTITY)
          .max(MAX_QUANTITY)
          .refine((units) => units !== 0, 'must not be 0'),
        reason: stockReasonSchema.default('unspecified'),
      }),
      (movement, { quantity, reason }) => ({ type: 'AdjustStock', ...movement, delta: quantity, reason }),
    ),
    movement(
      'counts',
      'Set the units on hand to what was counted',
      z.strictObject({
        location,
        quantity: z.int().min(0).max(MAX_QUANTITY),
        expected: z
          .int()
          .min(0)
          .max(MAX_QUANTITY)
          .optional()
          .meta({ description: 'Refused if the books have another number by now' }),
      }),
      (movement, { quantity, expected }) => ({
        type: 'CountStock',
        ...movement,
        quantity,
        ...(expected !== undefined && { expected }),
      }),
    ),
  ];
}
