import { expect } from 'chai';
import { decider, issuedTwiceChangesNothing } from '../../test/domain/given-when-then.js';
import { the } from '../../test/the.js';
import { type ProductEvent, pricesSchema, weightSchema } from './events.js';
import { MAX_VARIANTS, type ProductCommand, product } from './product.js';

const productId = 'product_mug';
const details = { title: 'Mug', brand: 'Clay' };
const price = { amount: 599, currency: 'GBP' };
const mug = { sku: 'MUG-1', prices: [price] };
const unpriced = { sku: 'MUG-2', prices: [] };
const large = { sku: 'MUG-XL', prices: [], options: { size: 'XL' }, weight: 500 };

const drafted: ProductEvent = { type: 'ProductDrafted', data: { ...details, productId } };
const added: ProductEvent = { type: 'VariantAdded', data: { ...mug, productId } };
const unpricedAdded: ProductEvent = { type: 'VariantAdded', data: { ...unpriced, productId } };
const published: ProductEvent = { type: 'ProductPublished', data: { productId } };
const unpublished: ProductEvent = { type: 'ProductUnpublished', data: { productId } };
const discontinued: ProductEvent = { type: 'ProductDiscontinued', data: { productId } };

describe('A product', () => {
  const { given } = decider(product);

  it('is drafted with its variants in one go', () => {
    given([])
      .when({ type: 'DraftProduct', productId, details, variants: [mug, unpriced] })
      .then([drafted, added, unpricedAdded]);
  });

  it('is drafted once', () => {
    const draft = { type: 'DraftProduct', productId, details, variants: [mug] } as const;
    given([drafted, added])
      .when({ ...draft, details: { title: 'Cup' } })
      .thenRejected('conflict');
    given([drafted, added])
      .when({ ...draft, variants: [unpriced] })
      .thenRejected('conflict');
  });

  it('gives each variant its own SKU', () => {
    given([])
      .when({ type: 'DraftProduct', productId, details, variants: [mug, mug] })
      .thenRejected('rule_violated');
    given([drafted, added])
      .when({ type: 'AddVariant', variant: { sku: mug.sku, prices: [] } })
      .thenRejected('conflict');
    given([drafted, added]).when({ type: 'AddVariant', variant: unpriced }).then([unpricedAdded]);
  });

  it('has a maximum of variants', () => {
    const many = Array.from({ length: MAX_VARIANTS + 1 }, (_, n) => ({ sku: `S${n}`, prices: [] }));
    const [extra, ...most] = many;
    const draft = { type: 'DraftProduct', productId, details } as const;
    given([])
      .when({ ...draft, variants: many })
      .thenRejected('rule_violated');
    const history = [
      drafted,
      ...most.map((variant): ProductEvent => ({ type: 'VariantAdded', data: { ...variant, productId } })),
    ];
    given([])
      .when({ ...draft, variants: most })
      .then(history);
    given(history)
      .when({ type: 'AddVariant', variant: the(extra) })
      .thenRejected('rule_violated');
  });

  it('records only the changes of a revision', () => {
    given([drafted])
      .when({ type: 'ReviseProduct', changes: { title: 'Cup', brand: 'Clay', categories: ['kitchen'] } })
      .then([{ type: 'ProductRevised', data: { title: 'Cup', categories: ['kitchen'], productId } }]);
    expect(
      given([drafted, { type: 'ProductRevised', data: { title: 'Cup', productId } }]).state?.details,
    ).to.deep.equal({ title: 'Cup', brand: 'Clay' });
  });

  it('keeps fields that a revision does not name', () => {
    const revise = { type: 'ReviseProduct', changes: { title: 'Mug', brand: undefined } } as unknown as ProductCommand;
    given([drafted]).when(revise).then([]);
  });

  it('is published once a variant has a price', () => {
    given([drafted]).when({ type: 'PublishProduct' }).thenRejected('rule_violated');
    given([drafted, unpricedAdded]).when({ type: 'PublishProduct' }).thenRejected('rule_violated');
    given([drafted, unpricedAdded, added]).when({ type: 'PublishProduct' }).then([published]);
    given([drafted, unpricedAdded, { type: 'VariantPricesSet', data: { ...unpriced, prices: [price], productId } }])
      .when({ type: 'PublishProduct' })
      .then([published]);
  });

  it('keeps at least one price while it is published', () => {
    const noPrice: ProductCommand = { type: 'SetVariantPrices', variant: { sku: mug.sku, prices: [] } };
    const emptied: ProductEvent = { type: 'VariantPricesSet', data: { sku: mug.sku, prices: [], productId } };
    given([drafted, added, published]).when(noPrice).thenRejected('rule_violated');
    given([drafted, added, unpricedAdded, published])
      .when({ type: 'SetVariantPrices', variant: { sku: mug.sku, prices: [{ ...price, amount: 1 }] } })
      .then([{ type: 'VariantPricesSet', data: { sku: mug.sku, prices: [{ ...price, amount: 1 }], productId } }]);
    given([drafted, added]).when(noPrice).then([emptied]);
    given([drafted, added, { type: 'VariantAdded', data: { ...unpriced, prices: [price], productId } }, published])
      .when(noPrice)
      .then([emptied]);
    given([drafted, added, emptied]).when({ type: 'PublishProduct' }).thenRejected('rule_violated');
  });

  it('keeps the options of its variants when their prices change', () => {
    const history: ProductEvent[] = [
      drafted,
      added,
      { type: 'VariantAdded', data: { ...large, productId } },
      { type: 'VariantPricesSet', data: { sku: large.sku, prices: [{ ...price, amount: 799 }], productId } },
    ];
    expect(given(history).state?.variants).to.deep.equal([mug, { ...large, prices: [{ ...price, amount: 799 }] }]);
  });

  it('sets prices only of its own variants', () => {
    given([drafted, added]).when({ type: 'SetVariantPrices', variant: unpriced }).thenRejected('not_found');
  });

  it('weighs each variant separately, published or not', () => {
    const weighed: ProductEvent = { type: 'VariantWeighed', data: { productId, sku: mug.sku, weight: 350 } };
    for (const history of [
      [drafted, added, unpricedAdded],
      [drafted, added, unpricedAdded, published],
    ]) {
      given(history).when({ type: 'WeighVariant', sku: mug.sku, weight: 350 }).then([weighed]);
    }
    expect(given([drafted, added, unpricedAdded, weighed]).state?.variants).to.deep.equal([
      { ...mug, weight: 350 },
      unpriced,
    ]);
    given([drafted, added]).when({ type: 'WeighVariant', sku: unpriced.sku, weight: 1 }).thenRejected('not_found');
    const unweighed: ProductEvent = { type: 'VariantWeighed', data: { productId, sku: mug.sku, weight: null } };
    const unweigh = { type: 'WeighVariant', sku: mug.sku, weight: null } as const;
    given([drafted, added, weighed]).when(unweigh).then([unweighed]);
    given([drafted, added]).when(unweigh).then([]);
    expect(given([drafted, added, weighed, unweighed]).state?.variants).to.deep.equal([mug]);
    expect(weightSchema.meta()?.description).to.equal('The weight of one unit, in grams');
  });

  it('loses cleared fields, and records nothing for fields that were absent', () => {
    const cleared: ProductEvent = { type: 'ProductRevised', data: { brand: null, productId } };
    given([drafted])
      .when({ type: 'ReviseProduct', changes: { brand: null, description: null } })
      .then([cleared]);
    expect(given([drafted, cleared]).state?.details).to.deep.equal({ title: 'Mug' });
  });

  describe('with a retired variant', () => {
    const retired: ProductEvent = { type: 'VariantRetired', data: { productId, sku: mug.sku } };
    const retire = { type: 'RetireVariant', sku: mug.sku } as const;
    const cheap = { ...mug, prices: [{ ...price, amount: 1 }] };

    it('no longer has it, but remembers that it owns the SKU', () => {
      given([drafted, added, unpricedAdded]).when(retire).then([retired]);
      const { variants, retired: gone } = given([drafted, added, unpricedAdded, retired]).state;
      expect({ variants, gone }).to.deep.equal({ variants: [unpriced], gone: [mug.sku] });
      given([drafted, unpricedAdded]).when(retire).thenRejected('not_found');
    });

    it('neither prices nor weighs it, until it is added again', () => {
      const history = [drafted, added, retired];
      given(history).when({ type: 'SetVariantPrices', variant: mug }).thenRejected('rule_violated');
      given(history).when({ type: 'WeighVariant', sku: mug.sku, weight: 1 }).thenRejected('rule_violated');
      const again: ProductEvent = { type: 'VariantAdded', data: { ...cheap, productId } };
      given(history).when({ type: 'AddVariant', variant: cheap }).then([again]);
      const { variants, retired: gone } = given([...history, again]).state;
      expect({ variants, gone }).to.deep.equal({ variants: [cheap], gone: [] });
    });

    it('keeps another one with a price while it is published', () => {
      given([drafted, added, unpricedAdded, published]).when(retire).thenRejected('rule_violated');
      given([drafted, added, published, unpublished]).when(retire).then([retired]);
      given([drafted, added, retired]).when({ type: 'PublishProduct' }).thenRejected('rule_violated');
    });

    it('counts retired variants in the maximum', () => {
      const most = Array.from({ length: MAX_VARIANTS - 1 }, (_, n): ProductEvent => {
        return { type: 'VariantAdded', data: { sku: `S${n}`, prices: [], productId } };
      });
      const history = [drafted, added, ...most, retired];
      given(history).when({ type: 'AddVariant', variant: unpriced }).thenRejected('rule_violated');
      given(history).when({ type: 'AddVariant', variant: mug }).then([added]);
    });
  });

  it('goes off sale and on again', () => {
    given([drafted]).when({ type: 'UnpublishProduct' }).thenRejected('rule_violated');
    given([drafted, added, published]).when({ type: 'UnpublishProduct' }).then([unpublished]);
    given([drafted, added, published, unpublished]).when({ type: 'PublishProduct' }).then([published]);
  });

  it('never changes once it is discontinued', () => {
    given([drafted]).when({ type: 'DiscontinueProduct' }).then([discontinued]);
    const changes: ProductCommand[] = [
      { type: 'ReviseProduct', changes: { title: 'Cup' } },
      { type: 'AddVariant', variant: unpriced },
      { type: 'SetVariantPrices', variant: { ...mug, prices: [] } },
      { type: 'RetireVariant', sku: mug.sku },
      { type: 'PublishProduct' },
      { type: 'UnpublishProduct' },
    ];
    for (const command of changes) given([drafted, added, discontinued]).when(command).thenRejected('rule_violated');
  });

  it('has to exist', () => {
    given([]).when({ type: 'PublishProduct' }).thenRejected('not_found');
    given([]).when({ type: 'DiscontinueProduct' }).thenRejected('not_found');
  });

  it('has one price per currency', () => {
    expect(pricesSchema.safeParse([price, { ...price, currency: 'EUR' }]).success).to.equal(true);
    const twice = pricesSchema.safeParse([price, { ...price, amount: 1 }]);
    expect(twice.error?.issues[0]?.message).to.equal('one price per currency');
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(product, {
      DraftProduct: { given: [], when: { type: 'DraftProduct', productId, details, variants: [mug] } },
      ReviseProduct: { given: [drafted], when: { type: 'ReviseProduct', changes: { title: 'Cup' } } },
      AddVariant: { given: [drafted], when: { type: 'AddVariant', variant: mug } },
      SetVariantPrices: {
        given: [drafted, unpricedAdded],
        when: { type: 'SetVariantPrices', variant: { ...unpriced, prices: [price] } },
      },
      WeighVariant: { given: [drafted, added], when: { type: 'WeighVariant', sku: mug.sku, weight: 0 } },
      RetireVariant: { given: [drafted, added], when: { type: 'RetireVariant', sku: mug.sku } },
      PublishProduct: { given: [drafted, added], when: { type: 'PublishProduct' } },
      UnpublishProduct: { given: [drafted, added, published], when: { type: 'UnpublishProduct' } },
      DiscontinueProduct: { given: [drafted], when: { type: 'DiscontinueProduct' } },
    });
  });
});
