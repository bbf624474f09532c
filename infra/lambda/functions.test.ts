import { expect } from 'chai';
import { allEndpoints } from '../../test/endpoints.js';
import { FUNCTIONS, type LambdaFunction } from './functions.js';
import { functionOf } from './services.js';

const all = Object.entries<LambdaFunction>(FUNCTIONS);
const isApi = ([, { triggers }]: (typeof all)[number]) =>
  triggers.some(({ kind }) => kind === 'api-gateway' || kind === 'alb');

describe('The Lambda functions', () => {
  it('serve every endpoint, and each function of the API serves some', async () => {
    const serving = (await allEndpoints()).map(functionOf);
    expect([...new Set(serving)].sort()).to.deep.equal(
      all
        .filter(isApi)
        .map(([name]) => name)
        .sort(),
    );
  });

  it('never change the log: only functions that run commands append to it', () => {
    const appending = all.filter(([, { actions }]) => actions.events?.includes('dynamodb:PutItem'));
    expect(appending.map(([name]) => name)).to.deep.equal([
      'identity-commands',
      'identity-queries',
      'product-commands',
      'inventory-commands',
      'order-commands',
      'order-queries',
      'payment-commands',
      'payment-queries',
      'payment-webhook',
      'payment-provider',
      'operations-commands',
      'operations-queries',
      'agenda',
      'payment-reconciler',
    ]);
    for (const [name, { actions }] of all) {
      expect(actions.events ?? [], name).to.not.include.members(['dynamodb:UpdateItem']);
      expect(actions.events ?? [], name).to.not.include.members(['dynamodb:DeleteItem']);
    }
  });

  it('reach addresses outside of AWS only to ask Stripe, and only they have its key', () => {
    const outside = all.filter(([, { internet }]) => internet).map(([name]) => name);
    const stripe = all.filter(([, { secrets }]) => secrets.includes('stripeKey')).map(([name]) => name);
    expect(outside).to.deep.equal(['payment-webhook', 'payment-provider', 'payment-reconciler']);
    expect(stripe).to.deep.equal(outside);
  });

  it('have the secret of every engine that they connect to', () => {
    for (const [name, { engines, secrets }] of all) {
      for (const engine of engines) if (engine !== 'opensearch') expect(secrets, name).to.include(engine);
    }
  });
});
