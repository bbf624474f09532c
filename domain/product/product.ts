// A product: draft → published ⇄ unpublished → discontinued. Whoever adds a variant claims its SKU first (sku-claim.ts).
import type { Decider } from '../kernel/decider.js';
import { type Rejection, reject } from '../kernel/errors.js';
import { sameJson } from '../kernel/json.js';
import { type ProductDetails, type ProductEvent, productEvents, type Variant } from './events.js';

/** As many as one commit holds with room to spare. */
export const MAX_VARIANTS = 400;

export type ProductCommand =
  | { type: 'DraftProduct'; productId: string; details: ProductDetails; variants: readonly Variant[] }
  | { type: 'ReviseProduct'; changes: Partial<ProductDetails> }
  | { type: 'AddVariant'; variant: Variant }
  | { type: 'SetVariantPrices'; variant: Pick<Variant, 'sku' | 'prices'> }
  | { type: 'WeighVariant'; sku: string; weight: number }
  | { type: 'PublishProduct' }
  | { type: 'UnpublishProduct' }
  | { type: 'DiscontinueProduct' };

export const PRODUCT_STATUSES = ['draft', 'published', 'unpublished', 'discontinued'] as const;

export interface Product {
  productId: string;
  status: (typeof PRODUCT_STATUSES)[number];
  details: ProductDetails;
  variants: readonly Variant[];
}

export const product: Decider<ProductCommand, Product | null, ProductEvent> = {
  category: 'product',
  events: productEvents,
  initialState: null,
  decide,
  evolve,
};

function decide(command: ProductCommand, state: Product | null): readonly ProductEvent[] | Rejection {
  if (command.type === 'DraftProduct') return draft(command, state);
  if (!state) return reject('not_found', 'There is no such product.');
  const { productId, status } = state;
  if (command.type === 'DiscontinueProduct') {
    return status === 'discontinued' ? [] : [{ type: 'ProductDiscontinued', data: { productId } }];
  }
  if (status === 'discontinued') return reject('rule_violated', `${productId} is discontinued; it no longer changes.`);

  switch (command.type) {
    case 'ReviseProduct': {
      const changes = changedOnly(command.changes, state.details);
      return Object.keys(changes).length === 0 ? [] : [{ type: 'ProductRevised', data: { ...changes, productId } }];
    }
    case 'AddVariant':
      return addVariant(command.variant, state);
    case 'SetVariantPrices': {
      const { variant } = command;
      const known = state.variants.find(({ sku }) => sku === variant.sku);
      if (!known) return reject('not_found', `${productId} has no variant ${variant.sku}.`);
      if (sameJson(known.prices, variant.prices)) return [];
      if (status === 'published' && !isPriced(state.variants.map((old) => (old === known ? variant : old)))) {
        return reject('rule_violated', `${productId} is published and needs a price; unpublish it first.`);
      }
      return [{ type: 'VariantPricesSet', data: { ...variant, productId } }];
    }
    case 'WeighVariant': {
      const { sku, weight } = command;
      const known = state.variants.find((variant) => variant.sku === sku);
      if (!known) return reject('not_found', `${productId} has no variant ${sku}.`);
      return known.weight === weight ? [] : [{ type: 'VariantWeighed', data: { productId, sku, weight } }];
    }
    case 'PublishProduct':
      if (status === 'published') return [];
      if (!isPriced(state.variants)) return reject('rule_violated', `${productId} needs a variant with a price.`);
      return [{ type: 'ProductPublished', data: { productId } }];
    case 'UnpublishProduct':
      if (status === 'unpublished') return [];
      if (status === 'draft') return reject('rule_violated', `${productId} is a draft; it was never published.`);
      return [{ type: 'ProductUnpublished', data: { productId } }];
  }
}

function draft(
  { productId, details, variants }: Extract<ProductCommand, { type: 'DraftProduct' }>,
  state: Product | null,
): readonly ProductEvent[] | Rejection {
  if (state) {
    const repeated = sameJson(state.details, details) && sameJson(state.variants, variants);
    return repeated ? [] : reject('conflict', `${productId} exists already.`);
  }
  if (variants.length > MAX_VARIANTS) return reject('rule_violated', `A product has at most ${MAX_VARIANTS} variants.`);
  if (new Set(variants.map(({ sku }) => sku)).size < variants.length) {
    return reject('rule_violated', 'Each variant needs a SKU of its own.');
  }
  return [
    { type: 'ProductDrafted', data: { ...details, productId } },
    ...variants.map((variant): ProductEvent => ({ type: 'VariantAdded', data: { ...variant, productId } })),
  ];
}

function addVariant(variant: Variant, { productId, variants }: Product): readonly ProductEvent[] | Rejection {
  const known = variants.find(({ sku }) => sku === variant.sku);
  if (known) return sameJson(known, variant) ? [] : reject('conflict', `${productId} has ${variant.sku} already.`);
  if (variants.length >= MAX_VARIANTS) {
    return reject('rule_violated', `A product has at most ${MAX_VARIANTS} variants.`);
  }
  return [{ type: 'VariantAdded', data: { ...variant, productId } }];
}

function evolve(state: Product | null, { type, data }: ProductEvent): Product {
  if (type === 'ProductDrafted') {
    const { productId, ...details } = data;
    return { productId, status: 'draft', details, variants: [] };
  }
  const known = state!;
  switch (type) {
    case 'VariantAdded':
      return { ...known, variants: [...known.variants, variantOf(data)] };
    case 'VariantPricesSet':
      return withVariant(known, data.sku, { prices: data.prices });
    case 'VariantWeighed':
      return withVariant(known, data.sku, { weight: data.weight });
    case 'ProductRevised': {
      const { productId, ...changes } = data;
      return { ...known, details: { ...known.details, ...changes } as ProductDetails };
    }
    case 'ProductPublished':
      return { ...known, status: 'published' };
    case 'ProductUnpublished':
      return { ...known, status: 'unpublished' };
    case 'ProductDiscontinued':
      return { ...known, status: 'discontinued' };
  }
}

function variantOf({ sku, prices, options, weight }: Variant): Variant {
  return { sku, prices, ...(options && { options }), ...(weight !== undefined && { weight }) };
}

function withVariant(product: Product, sku: string, changes: Partial<Variant>): Product {
  return {
    ...product,
    variants: product.variants.map((variant) => (variant.sku === sku ? { ...variant, ...changes } : variant)),
  };
}

function isPriced(variants: readonly Variant[]): boolean {
  return variants.some(({ prices }) => prices.length > 0);
}

function changedOnly(changes: Partial<ProductDetails>, details: ProductDetails): Partial<ProductDetails> {
  const entries = Object.entries(changes) as [keyof ProductDetails, unknown][];
  return Object.fromEntries(
    entries.filter(([field, value]) => value !== undefined && !sameJson(value, details[field])),
  );
}
