import { expect } from 'chai';
import { decider, issuedTwiceChangesNothing } from '../../test/domain/given-when-then.js';
import type { SkuClaimEvent } from './events.js';
import { MAX_LOCATIONS, skuClaim } from './sku-claim.js';

const claim = { type: 'ClaimSku', sku: 'MUG-1', productId: 'product_mug' } as const;
const claimed: SkuClaimEvent = { type: 'SkuClaimed', data: { sku: 'MUG-1', productId: 'product_mug' } };
const stock = { type: 'StockSkuAt', sku: 'MUG-1', location: 'leeds' } as const;
const stockedAt = (location: string): SkuClaimEvent => ({ type: 'SkuStockedAt', data: { sku: 'MUG-1', location } });

describe('A SKU', () => {
  const { given } = decider(skuClaim);

  it('belongs permanently to the first product that claims it', () => {
    given([]).when(claim).then([claimed]);
    given([claimed, stockedAt('leeds')])
      .when({ ...claim, productId: 'product_cup' })
      .thenRejected('conflict');
  });

  it('can be stocked at the default location from the start, and at every location once recorded', () => {
    given([claimed])
      .when({ ...stock, location: 'main' })
      .then([]);
    given([claimed])
      .when(stock)
      .then([stockedAt('leeds')]);
    expect(given([claimed, stockedAt('leeds')]).state.locations).to.deep.equal(['main', 'leeds']);
  });

  it('is not stocked before it is claimed, nor at too many locations', () => {
    given([]).when(stock).thenRejected('not_found');
    const most = Array.from({ length: MAX_LOCATIONS - 1 }, (_, n) => stockedAt(`place-${n}`));
    given([claimed, ...most])
      .when(stock)
      .thenRejected('rule_violated');
    given([claimed, ...most.slice(1)])
      .when(stock)
      .then([stockedAt('leeds')]);
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(skuClaim, {
      ClaimSku: { given: [], when: claim },
      StockSkuAt: { given: [claimed], when: stock },
    });
  });
});
