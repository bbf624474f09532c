// Catalogue administration: drafting, revising and publishing products, with their variants and prices.
import { z } from 'zod';
import { shows } from '../../domain/kernel/answers.js';
import { unlessEmpty } from '../../domain/kernel/collections.js';
import { type CommandMeta, withoutExpectedVersion } from '../../domain/kernel/command.js';
import { type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { enforced } from '../../domain/kernel/enforced.js';
import { orThrow, Problem } from '../../domain/kernel/errors.js';
import { askedId, existing, pathId, skuSchema, streamOf } from '../../domain/kernel/id.js';
import { defined, sameJson } from '../../domain/kernel/json.js';
import {
  optionsSchema,
  pricesSchema,
  productDetailsSchema,
  productIdSchema,
  productRevisionSchema,
  variantSchema,
  weightSchema,
} from '../../domain/product/events.js';
import {
  MAX_VARIANTS,
  PRODUCT_STATUSES,
  type Product,
  type ProductCommand,
  product,
} from '../../domain/product/product.js';
import { skuClaim, skuClaimStream } from '../../domain/product/sku-claim.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { CurrentSettings } from '../shop/settings.js';
import type { SkuOwners } from './sku-owners.js';

const idParams = z.strictObject({ id: pathId(productIdSchema, 'product_mug') });
const variantParams = idParams.extend({ sku: skuSchema.meta({ example: 'MUG-BLUE' }) });

const draftBody = productDetailsSchema.extend({
  id: productIdSchema.optional().meta({ description: 'Generated if absent', example: 'product_mug' }),
  variants: z
    .array(variantSchema)
    .min(1)
    .max(MAX_VARIANTS)
    .refine((variants) => new Set(variants.map(({ sku }) => sku)).size === variants.length, 'one variant per SKU')
    .register(enforced, { uniqueItems: true }),
});

const productAnswer = productDetailsSchema
  .extend({
    id: productIdSchema,
    status: z.enum(PRODUCT_STATUSES),
    variants: z.array(variantSchema),
    retired: z.array(skuSchema).optional().meta({ description: 'SKUs of variants that are no longer sold' }),
  })
  .meta({ id: 'StaffProduct', description: 'A product with the fields that staff see' });

export interface ProductEndpointsDeps {
  runner: CommandRunner;
  skuOwners: SkuOwners;
  settings: Pick<CurrentSettings, 'refuseForeignMoney'>;
}

export function productEndpoints({ runner, skuOwners, settings }: ProductEndpointsDeps): Endpoint[] {
  async function draft({ body, command, newId }: EndpointRequest<unknown, unknown, z.output<typeof draftBody>>) {
    const { id, variants, ...details } = body;
    await settings.refuseForeignMoney(body);
    const productId = id ?? newId('product');
    const exists = id !== undefined && (await runner.load(product, streamOf(id))).state !== null;
    if (!exists) await claim(variants, productId, command);
    const meta: CommandMeta = id === undefined ? { ...command(), newStream: true } : command();
    const reply = await execute(productId, { type: 'DraftProduct', productId, details, variants }, meta, 201);
    return { ...reply, headers: { Location: `/v1/products/${productId}` } };
  }

  async function load(id: string): Promise<Product> {
    const { state } = await runner.load(product, streamOf(askedId(productIdSchema, id)));
    return existing(state, id);
  }

  async function putVariant({
    params,
    body,
    command,
  }: EndpointRequest<z.output<typeof variantParams>, unknown, z.output<typeof variantBody>>): Promise<Reply> {
    const { sku } = params;
    const { prices, options, weight } = body;
    const state = await load(params.id);
    const { productId } = state;
    await settings.refuseForeignMoney(body);
    const known = state.variants.find((variant) => variant.sku === sku);
    if (known && (options === undefined || sameJson(options, known.options))) {
      const priced = await execute(productId, { type: 'SetVariantPrices', variant: { sku, prices } }, command());
      if (weight === undefined || weight === (known.weight ?? null)) return priced;
      return execute(productId, { type: 'WeighVariant', sku, weight }, withoutExpectedVersion(command('weigh')));
    }
    const variant = { sku, prices, ...defined({ options, weight: weight ?? undefined }) };
    if (!known && state.status !== 'discontinued') await claim([variant], productId, command);
    return execute(productId, { type: 'AddVariant', variant }, command());
  }

  /**
   * Claims all SKUs or none; only a concurrent claim can leave a part claimed. They are sorted, so that two products do not block
   * each other.
   */
  async function claim(
    variants: readonly { sku: string }[],
    productId: string,
    command: EndpointRequest['command'],
  ): Promise<void> {
    const skus = variants.map(({ sku }) => sku).sort();
    const known = await Promise.all(skus.map(async (sku) => ({ sku, owner: await skuOwners.of(sku) })));
    for (const { sku, owner } of known) {
      if (owner && owner.productId !== productId)
        throw new Problem('conflict', `${sku} belongs to ${owner.productId}.`);
    }
    for (const { sku } of known.filter(({ owner }) => owner === undefined)) {
      const claimed = { type: 'ClaimSku', sku, productId } as const;
      orThrow(
        await runner.execute(skuClaim, skuClaimStream(sku), claimed, withoutExpectedVersion(command(`claim ${sku}`))),
      );
    }
  }

  async function execute(id: string, command: ProductCommand, meta: CommandMeta, status = 200): Promise<Reply> {
    const productId = askedId(productIdSchema, id);
    const outcome = orThrow(await runner.execute(product, streamOf(productId), command, meta));
    return shows(status, viewOf(outcome.state), streamOf(productId), outcome);
  }

  /** `POST /v1/products/{id}/<word>` */
  const transition = (
    word: string,
    type: 'PublishProduct' | 'UnpublishProduct' | 'DiscontinueProduct',
    summary: string,
  ) =>
    endpoint({
      method: 'post',
      path: `/v1/products/{id}/${word}`,
      summary,
      roles: ['catalogue'],
      idempotency: 'accepted',
      params: idParams,
      answers: { 200: productAnswer },
      handle: ({ params, command }) => execute(params.id, { type }, command()),
    });

  const variantBody = z.strictObject({
    options: optionsSchema.optional(),
    prices: pricesSchema,
    weight: weightSchema.nullable().optional().meta({
      description: 'The weight of one unit, in grams. Without it, the weight does not change; `null` removes it',
      example: 350,
    }),
  });

  return [
    endpoint({
      method: 'post',
      path: '/v1/products',
      summary: 'Create a product',
      description: 'The product is a draft: customers neither see nor buy it until it is published.',
      roles: ['catalogue'],
      idempotency: 'accepted',
      body: draftBody,
      answers: { 201: productAnswer },
      handle: draft,
    }),
    endpoint({
      method: 'patch',
      path: '/v1/products/{id}',
      summary: 'Update a product',
      description: 'Changes only the given fields. `null` clears a field.',
      roles: ['catalogue'],
      idempotency: 'accepted',
      params: idParams,
      find: ({ params }) => load(params.id),
      body: productRevisionSchema,
      answers: { 200: productAnswer },
      handle: ({ params, body, command }) => execute(params.id, { type: 'ReviseProduct', changes: body }, command()),
    }),
    transition('publish', 'PublishProduct', 'Publish a product: customers can see and buy it'),
    transition('unpublish', 'UnpublishProduct', 'Unpublish a product: take it off sale'),
    transition('discontinue', 'DiscontinueProduct', 'Discontinue a product: take it off sale permanently'),
    endpoint({
      method: 'put',
      path: '/v1/products/{id}/variants/{sku}',
      summary: 'Create or update a variant',
      description:
        'A new SKU is added to the product. An existing variant gets the prices and the weight. A retired variant is restored.',
      roles: ['catalogue'],
      idempotency: 'accepted',
      params: variantParams,
      find: ({ params }) => load(params.id),
      body: variantBody,
      answers: { 200: productAnswer },
      handle: putVariant,
    }),
    endpoint({
      method: 'delete',
      path: '/v1/products/{id}/variants/{sku}',
      summary: 'Retire a variant',
      description:
        'The variant is no longer sold or shown. Its SKU still belongs to the product, and its stock does not change. ' +
        'Carts show it as unavailable. PUT the variant again to restore it.',
      roles: ['catalogue'],
      idempotency: 'accepted',
      params: variantParams,
      answers: { 200: productAnswer },
      handle: ({ params: { id, sku }, command }) => execute(id, { type: 'RetireVariant', sku }, command()),
    }),
    endpoint({
      method: 'put',
      path: '/v1/products/{id}/variants/{sku}/prices',
      summary: 'Set the prices of a variant',
      roles: ['catalogue'],
      idempotency: 'accepted',
      params: variantParams,
      find: ({ params }) => load(params.id),
      body: z.strictObject({ prices: pricesSchema }),
      answers: { 200: productAnswer },
      async handle({ params: { id, sku }, body, command }) {
        await settings.refuseForeignMoney(body);
        return execute(id, { type: 'SetVariantPrices', variant: { sku, prices: body.prices } }, command());
      },
    }),
  ];
}

function viewOf({ productId, status, details, variants, retired }: Product): z.output<typeof productAnswer> {
  return {
    id: productId,
    status,
    ...details,
    variants: [...variants],
    ...defined({ retired: unlessEmpty([...retired]) }),
  };
}
