import { expect } from 'chai';
import { Unavailable } from '../../domain/kernel/errors.js';
import { StoreRefused } from '../stores/claim.js';
import { openStores } from './open-stores.js';

describe('The stores of read models at the start', () => {
  const never = new AbortController().signal;

  /** A store whose attempts end like this, one after the other. */
  function storeOf(...attempts: readonly (Error | undefined)[]) {
    const left = [...attempts];
    return {
      engine: 'Redis',
      async admit() {
        const error = left.shift();
        if (error) throw error;
      },
    };
  }

  it('refuse the start if one that answers belongs to another shop', async () => {
    const opening = openStores([storeOf(), storeOf(new StoreRefused('of another shop'))], () => {}, never);
    expect(await opening.catch((error: unknown) => error)).to.be.instanceOf(StoreRefused);
  });

  it('are told once while they are away, once if they are refused later, and once when they are open', async () => {
    const away = new Unavailable('Redis', 'here does not answer (refused)');
    const refused = new StoreRefused('It is of another shop.');
    const told: string[] = [];
    await new Promise<void>((resolve) => {
      const tell = (message: string) => {
        told.push(message);
        if (message.includes('answers now')) resolve();
      };
      void openStores([storeOf(away, away, refused, refused, undefined)], tell, never, 1);
    });
    expect(told.map((message) => message.split(/[;:]/)[0])).to.deep.equal([
      'Redis',
      'Redis is not used',
      'Redis answers now',
    ]);
  });
});
