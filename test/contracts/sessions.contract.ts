// What every store of sessions promises.
import { expect } from 'chai';
import type { Session, Sessions } from '../../commands/identity/ports.js';
import { freshName } from '../engines.js';

const NOW = Date.UTC(2026, 10, 23);
const LATER = { refreshHash: 'second', expiresAt: NOW + 120_000 };

export function sessionsContract(open: () => Promise<Sessions>): void {
  let sessions: Sessions;
  let session: Session;

  beforeEach(async () => {
    sessions = await open();
    session = sessionOf(freshName('customer'));
    await sessions.open(session);
  });

  function sessionOf(customerId: string): Session {
    return { customerId, id: freshName('session'), guest: true, refreshHash: 'first', expiresAt: NOW + 60_000 };
  }

  it('exchanges the refresh token that is good, once', async () => {
    expect(await sessions.rotate(session, 'first', LATER, NOW)).to.deep.equal({ ...session, ...LATER });
    expect(await sessions.rotate(session, 'first', { ...LATER, refreshHash: 'third' }, NOW)).to.equal(undefined);
  });

  it('lets one of twenty exchanges at once succeed', async () => {
    const exchanges = Array.from({ length: 20 }, (_, n) =>
      sessions.rotate(session, 'first', { ...LATER, refreshHash: `next-${n}` }, NOW),
    );
    expect((await Promise.all(exchanges)).filter(Boolean)).to.have.length(1);
  });

  it('takes the repeat of an exchange whose reply was lost for the same exchange', async () => {
    await sessions.rotate(session, 'first', LATER, NOW);
    expect(await sessions.rotate(session, 'first', LATER, NOW)).to.deep.equal({ ...session, ...LATER });
  });

  it('exchanges nothing once the session has expired', async () => {
    expect(await sessions.rotate(session, 'first', LATER, session.expiresAt)).to.equal(undefined);
  });

  it('exchanges nothing of a session that never was', async () => {
    expect(await sessions.rotate(sessionOf('customer_x'), 'first', LATER, NOW)).to.equal(undefined);
  });

  it('ends one session and leaves the others of the customer', async () => {
    const other = sessionOf(session.customerId);
    await sessions.open(other);
    await sessions.end(session);
    await sessions.end(session);
    expect(await sessions.rotate(session, 'first', LATER, NOW)).to.equal(undefined);
    expect(await sessions.rotate(other, 'first', LATER, NOW)).to.deep.equal({ ...other, ...LATER });
  });

  it('ends all sessions of a customer and none of another', async () => {
    const other = sessionOf(session.customerId);
    const stranger = sessionOf(freshName('customer'));
    await sessions.open(other);
    await sessions.open(stranger);
    await sessions.endAll(session.customerId);
    for (const ended of [session, other]) {
      expect(await sessions.rotate(ended, 'first', LATER, NOW)).to.equal(undefined);
    }
    expect(await sessions.rotate(stranger, 'first', LATER, NOW)).to.deep.equal({ ...stranger, ...LATER });
  });
}
