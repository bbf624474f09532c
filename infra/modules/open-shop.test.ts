import { expect } from 'chai';
import { readConfig } from '../config.js';
import { openShop } from './open-shop.js';

describe('A shop that is closed', () => {
  const { DATABASE_URL } = process.env;
  afterEach(() => {
    if (DATABASE_URL === undefined) delete process.env.DATABASE_URL;
    else process.env.DATABASE_URL = DATABASE_URL;
  });

  it('no longer waits for engines that do not answer', async () => {
    process.env.DATABASE_URL = 'postgres://127.0.0.1:1/none';
    let tell: (message: string) => void = () => {};
    const told = new Promise<string>((resolve) => {
      tell = resolve;
    });
    const shop = await openShop(readConfig({ profile: 'embedded' }), { tell });
    const opening = shop.get('postgres').catch((error: unknown) => error);
    expect(await told).to.contain('does not answer');
    await shop.close();
    expect(await opening).to.have.property('message', 'The shop is closed.');
  });
});
