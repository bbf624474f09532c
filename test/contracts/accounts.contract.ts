// What every store of credentials and of preferences guarantees.
import { expect } from 'chai';
import type { Credentials, Preferences } from '../../commands/identity/ports.js';
import { freshName } from '../engines.js';

const NOW = Date.UTC(2026, 10, 30);

export function credentialsContract(store: () => Credentials): void {
  let customerId: string;
  let credentials: Credentials;
  beforeEach(() => {
    customerId = freshName('customer');
    credentials = store();
  });

  const token = (hash: string, sentAt = NOW) => ({ hash, sentAt, expiresAt: sentAt + 1_000 });

  it('keeps the last password of each customer', async () => {
    expect(await credentials.passwordOf(customerId)).to.equal(undefined);
    await credentials.setPassword(customerId, 'first');
    await credentials.setPassword(customerId, 'second');
    await credentials.setPassword(freshName('customer'), 'of another');
    expect(await credentials.passwordOf(customerId)).to.equal('second');
  });

  it('gives a token once, of many concurrent calls', async () => {
    await credentials.setPassword(customerId, 'hash');
    expect(await credentials.keepToken(customerId, 'reset', token('a'), NOW)).to.equal(true);
    const has = (hash: string, now = NOW) => credentials.hasToken(customerId, 'reset', hash, now);
    expect([await has('a'), await has('b'), await has('a', NOW + 1_000)]).to.deep.equal([true, false, false]);
    const taken = await Promise.all(
      Array.from({ length: 10 }, () => credentials.takeToken(customerId, 'reset', 'a', NOW)),
    );
    expect(taken.filter(Boolean)).to.have.length(1);
    expect(await has('a')).to.equal(false);
    expect(await credentials.passwordOf(customerId)).to.equal('hash');
  });

  it('sets a password with a token of a reset only, which stays', async () => {
    await credentials.setPassword(customerId, 'old');
    await credentials.keepToken(customerId, 'reset', token('a'), NOW);
    await credentials.keepToken(customerId, 'verification', token('v'), NOW);
    const reset = (hash: string, tokenHash: string, now = NOW) =>
      credentials.resetPassword(customerId, hash, tokenHash, now);
    for (const refused of [reset('b', 'b'), reset('b', 'v'), reset('b', 'a', NOW + 1_000)]) {
      expect(await refused).to.equal(false);
    }
    expect(await credentials.resetPassword(freshName('customer'), 'b', 'a', NOW)).to.equal(false);
    expect(await credentials.passwordOf(customerId)).to.equal('old');
    expect([await reset('first', 'a'), await reset('second', 'a')]).to.deep.equal([true, true]);
    expect(await credentials.passwordOf(customerId)).to.equal('second');
    expect(await credentials.takeToken(customerId, 'reset', 'a', NOW)).to.equal(true);
    expect(await reset('third', 'a')).to.equal(false);
    expect(await credentials.passwordOf(customerId)).to.equal('second');
  });

  it('gives no token for another purpose, customer or text, and none that has expired', async () => {
    await credentials.keepToken(customerId, 'reset', token('a'), NOW);
    expect(await credentials.takeToken(customerId, 'verification', 'a', NOW)).to.equal(false);
    expect(await credentials.takeToken(customerId, 'reset', 'b', NOW)).to.equal(false);
    expect(await credentials.takeToken(freshName('customer'), 'reset', 'a', NOW)).to.equal(false);
    expect(await credentials.takeToken(customerId, 'reset', 'a', NOW + 1_000)).to.equal(false);
    expect(await credentials.takeToken(customerId, 'reset', 'a', NOW + 999)).to.equal(true);
  });

  it('replaces the token of a purpose, but not within the pause, and others stay', async () => {
    await credentials.keepToken(customerId, 'verification', token('v'), NOW);
    expect(await credentials.keepToken(customerId, 'reset', token('a'), NOW - 500)).to.equal(true);
    expect(await credentials.keepToken(customerId, 'reset', token('b', NOW + 499), NOW - 1)).to.equal(false);
    expect(await credentials.keepToken(customerId, 'reset', token('c', NOW + 500), NOW)).to.equal(true);
    expect(await credentials.takeToken(customerId, 'reset', 'a', NOW)).to.equal(false);
    expect(await credentials.takeToken(customerId, 'reset', 'c', NOW + 500)).to.equal(true);
    expect(await credentials.takeToken(customerId, 'verification', 'v', NOW)).to.equal(true);
    const many = Array.from({ length: 10 }, (_, n) =>
      credentials.keepToken(customerId, 'reset', token(`${n}`), NOW - 1),
    );
    expect((await Promise.all(many)).filter(Boolean)).to.have.length(1);
  });

  it('forgets all of a customer, and nothing of others', async () => {
    const other = freshName('customer');
    for (const id of [customerId, other]) {
      await credentials.setPassword(id, 'hash');
      await credentials.keepToken(id, 'reset', token('a'), NOW);
    }
    await credentials.forget(customerId);
    await credentials.forget(customerId);
    expect(await credentials.passwordOf(customerId)).to.equal(undefined);
    expect(await credentials.takeToken(customerId, 'reset', 'a', NOW)).to.equal(false);
    expect(await credentials.passwordOf(other)).to.equal('hash');
    expect(await credentials.takeToken(other, 'reset', 'a', NOW)).to.equal(true);
  });
}

export function preferencesContract(store: () => Preferences<Record<string, unknown>>): void {
  it('keeps the last preferences of each customer, until they are forgotten', async () => {
    const [customerId, other] = [freshName('customer'), freshName('customer')];
    const preferences = store();
    expect(await preferences.of(customerId)).to.equal(undefined);
    await preferences.put(customerId, { theme: 'dark', sizes: ['M', 'L'] });
    await preferences.put(customerId, { theme: 'light', language: 'de-CH', brands: [] });
    await preferences.put(other, {});
    expect(await preferences.of(customerId)).to.deep.equal({ theme: 'light', language: 'de-CH', brands: [] });
    await preferences.forget(customerId);
    expect(await preferences.of(customerId)).to.equal(undefined);
    expect(await preferences.of(other)).to.deep.equal({});
  });
}
