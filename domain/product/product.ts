// A product: draft → published ⇄ unpublished → discontinued. The caller claims the SKU of a variant before adding it
// (sku-claim.ts).
import { type Decider, existing } from '../kernel/decider.js';
import { changed, changes, defined, sameJson } from '../kernel/json.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import { type ProductDetails, type ProductEvent, type ProductRevision, productEvents, type Variant } from './events.js';

/** One commit holds this many with room to spare. Retired variants count too. */
export const MAX_VARIANTS = 400;

export type ProductCommand =
  | { type: 'DraftProduct'; productId: string; details: ProductDetails; variants: readonly Variant[] }
  | { type: 'ReviseProduct'; changes: ProductRevision }
  | { type: 'AddVariant'; variant: Variant }
  | { type: 'SetVariantPrices'; variant: Pick<Variant, 'sku' | 'prices'> }
  /** `null` removes the weight. */
  | { type: 'WeighVariant'; sku: string; weight: number | null }
  /** `AddVariant` brings it back. */
  | { type: 'RetireVariant'; sku: string }
  | { type: 'PublishProduct' }
  | { type: 'UnpublishProduct' }
  | { type: 'DiscontinueProduct' };

export const PRODUCT_STATUSES = ['draft', 'published', 'unpublished', 'discontinued'] as const;

export interface Product {
  productId: string;
  status: (typeof PRODUCT_STATUSES)[number];
  details: ProductDetails;
  variants: readonly Variant[];
  /** SKUs of variants that are no longer sold. */
  retired: readonly string[];
}

export const product: Decider<ProductCommand, Product | null, ProductEvent> = {
  category: 'product',
  events: productEvents,
  initialState: null,
  decide,
  evolve,
  snapshot: { foldVersion: 1, every: 100 },
};

function decide(command: ProductCommand, state: Product | null): readonly ProductEvent[] | Rejection {
  if (command.type === 'DraftProduct') return draft(command, state);
  if (!state) return reject('not_found', 'There is no such product.');
  const { productId, status } = state;
  if (command.type === 'DiscontinueProduct') {
    return status === 'discontinued' ? [] : [{ type: 'ProductDiscontinued', data: { productId } }];
  }
  if (status === 'discontinued') return reject('rule_violated', `${productId} is discontinued; it cannot change.`);

  switch (command.type) {
    case 'ReviseProduct': {
      const revision = changes(command.changes, state.details);
      return sameJson(revision, {}) ? [] : [{ type: 'ProductRevised', data: { ...revision, productId } }];
    }
    case 'AddVariant':
      return addVariant(command.variant, state);
    case 'SetVariantPrices': {
      const { variant } = command;
      const known = state.variants.find(({ sku }) => sku === variant.sku);
      if (!known) return noVariant(variant.sku, state);
      if (sameJson(known.prices, variant.prices)) return [];
      if (status === 'published' && !isPriced(state.variants.map((old) => (old === known ? variant : old)))) {
        return reject('rule_violated', `${productId} is published and needs a price; unpublish it first.`);
      }
      return [{ type: 'VariantPricesSet', data: { ...variant, productId } }];
    }
    case 'WeighVariant': {
      const { sku, weight } = command;
      const known = state.variants.find((variant) => variant.sku === sku);
      if (!known) return noVariant(sku, state);
      return (known.weight ?? null) === weight ? [] : [{ type: 'VariantWeighed', data: { productId, sku, weight } }];
    }
    case 'RetireVariant': {
      const { sku } = command;
      if (state.retired.includes(sku)) return [];
      const left = state.variants.filter((variant) => variant.sku !== sku);
      if (left.length === state.variants.length) return noVariant(sku, state);
      if (status === 'published' && !isPriced(left)) {
        return reject(
          'rule_violated',
          `${productId} is published and needs another variant with a price; unpublish it first.`,
        );
      }
      return [{ type: 'VariantRetired', data: { productId, sku } }];
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
    return repeated ? [] : reject('conflict', `${productId} already exists.`);
  }
  if (variants.length > MAX_VARIANTS) return reject('rule_violated', `A product has at most ${MAX_VARIANTS} variants.`);
  if (new Set(variants.map(({ sku }) => sku)).size < variants.length) {
    return reject('rule_violated', 'Each variant needs its own SKU.');
  }
  return [
    { type: 'ProductDrafted', data: { ...details, productId } },
    ...variants.map((variant): ProductEvent => ({ type: 'VariantAdded', data: { ...variant, productId } })),
  ];
}

function noVariant(sku: string, { productId, retired }: Product): Rejection {
  if (!retired.includes(sku)) return reject('not_found', `${productId} has no variant ${sku}.`);
  return reject('rule_violated', `${sku} is retired; PUT the variant with its prices to sell it again.`);
}

function addVariant(variant: Variant, { productId, variants, retired }: Product): readonly ProductEvent[] | Rejection {
  const known = variants.find(({ sku }) => sku === variant.sku);
  if (known) return sameJson(known, variant) ? [] : reject('conflict', `${productId} already has ${variant.sku}.`);
  if (variants.length + retired.length >= MAX_VARIANTS && !retired.includes(variant.sku)) {
    return reject('rule_violated', `A product has at most ${MAX_VARIANTS} variants.`);
  }
  return [{ type: 'VariantAdded', data: { ...variant, productId } }];
}

function evolve(state: Product | null, { type, data }: ProductEvent): Product {
  if (type === 'ProductDrafted') {
    const { productId, ...details } = data;
    return { productId, status: 'draft', details, variants: [], retired: [] };
  }
  const known = existing(state, type);
  switch (type) {
    case 'VariantAdded':
      return {
        ...known,
        variants: [...known.variants, variantOf(data)],
        retired: known.retired.filter((sku) => sku !== data.sku),
      };
    case 'VariantRetired':
      return {
        ...known,
        variants: known.variants.filter(({ sku }) => sku !== data.sku),
        retired: [...known.retired, data.sku],
      };
    case 'VariantPricesSet':
      return withVariant(known, data.sku, { prices: data.prices });
    case 'VariantWeighed':
      return withVariant(known, data.sku, { weight: data.weight });
    case 'ProductRevised': {
      const { productId, ...revision } = data;
      return { ...known, details: changed(known.details, revision) };
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
  return { sku, prices, ...defined({ options, weight }) };
}

function withVariant(product: Product, sku: string, change: Parameters<typeof changed<Variant>>[1]): Product {
  return {
    ...product,
    variants: product.variants.map((variant) => (variant.sku === sku ? changed(variant, change) : variant)),
  };
}

function isPriced(variants: readonly Variant[]): boolean {
  return variants.some(({ prices }) => prices.length > 0);
}
