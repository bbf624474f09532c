// The contract of every store of sessions.
import { expect } from 'chai';
import type { Session, Sessions } from '../../commands/identity/ports.js';
import { freshName } from '../engines.js';

const NOW = Date.UTC(2026, 10, 23);

export function sessionsContract(open: () => Promise<Sessions>): void {
  let sessions: Sessions;
  let session: Session;

  beforeEach(async () => {
    sessions = await open();
    session = sessionOf(freshName('customer'));
    await sessions.open(session);
  });

  function sessionOf(customerId: string): Session {
    return { customerId, id: freshName('session'), guest: true, generation: 0, expiresAt: NOW + 60_000 };
  }

  const next = (accessToken = 'sealed', generation = 1) => {
    const refreshed = { at: NOW + 1, accessToken };
    return { ...session, generation, expiresAt: NOW + 120_000, refreshed };
  };

  it('finds a session as it was opened, until it expires', async () => {
    expect(await sessions.find(session, NOW)).to.deep.equal(session);
    expect(await sessions.find(session, session.expiresAt - 1)).to.deep.equal(session);
    expect(await sessions.find(session, session.expiresAt)).to.equal(undefined);
    expect(await sessions.find(sessionOf('customer_x'), NOW)).to.equal(undefined);
  });

  it('refreshes the previous generation once, and keeps the result of that refresh', async () => {
    expect(await sessions.refresh(next())).to.equal(true);
    expect(await sessions.find(session, NOW)).to.deep.equal(next());
    expect(await sessions.refresh(next('another'))).to.equal(false);
    expect(await sessions.refresh(next('another', 3))).to.equal(false);
    expect(await sessions.find(session, NOW + 119_999)).to.deep.equal(next());
    expect(await sessions.refresh(next('later', 2))).to.equal(true);
    expect(await sessions.find(session, NOW)).to.deep.equal(next('later', 2));
  });

  it('lets one of twenty concurrent refreshes succeed', async () => {
    const refreshes = Array.from({ length: 20 }, (_, n) => sessions.refresh(next(`sealed ${n}`)));
    const succeeded = (await Promise.all(refreshes)).flatMap((done, n) => (done ? [n] : []));
    expect(succeeded).to.have.length(1);
    expect(await sessions.find(session, NOW)).to.deep.equal(next(`sealed ${succeeded[0]}`));
  });

  it('refreshes no session that does not exist or has ended', async () => {
    expect(await sessions.refresh({ ...next(), ...sessionOf('customer_x'), generation: 1 })).to.equal(false);
    await sessions.end(session);
    expect(await sessions.refresh(next())).to.equal(false);
    expect(await sessions.find(session, NOW)).to.equal(undefined);
  });

  it('ends one session and leaves the others of the customer', async () => {
    const other = sessionOf(session.customerId);
    await sessions.open(other);
    await sessions.end(session);
    await sessions.end(session);
    expect(await sessions.find(session, NOW)).to.equal(undefined);
    expect(await sessions.find(other, NOW)).to.deep.equal(other);
  });

  it('ends all sessions of a customer and none of another', async () => {
    const other = sessionOf(session.customerId);
    const stranger = sessionOf(freshName('customer'));
    await sessions.open(other);
    await sessions.open(stranger);
    await sessions.endAll(session.customerId);
    for (const ended of [session, other]) expect(await sessions.find(ended, NOW)).to.equal(undefined);
    expect(await sessions.find(stranger, NOW)).to.deep.equal(stranger);
  });
}
