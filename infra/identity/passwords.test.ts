import { expect } from 'chai';
import { isProblem } from '../../domain/kernel/errors.js';
import { createPasswords, MAX_WAITING_HASHES } from './passwords.js';

describe('Passwords', () => {
  const passwords = createPasswords();

  it('verify against their own hash only, in any Unicode form', async () => {
    const hash = await passwords.hash('caf\u00e9 au lait');
    expect(hash).to.match(/^scrypt\$16384\$8\$5\$[\w-]{22}\$[\w-]{43}$/);
    expect(await passwords.verify('cafe\u0301 au lait', hash)).to.equal(true);
    expect(await passwords.verify('cafe au lait', hash)).to.equal(false);
    expect(await passwords.verify('anything', undefined)).to.equal(false);
    expect(await passwords.hash('caf\u00e9 au lait')).to.not.equal(hash);
  });

  it('verify against a hash with other parameters', async () => {
    const older = 'scrypt$1024$8$1$c29kaXVtY2hsb3JpZGVfXw$718Mr9cYgH6bgZnEcyHrCST_RhcrxvYTDCGn9qzVyWI';
    expect(await passwords.verify('an older password', older)).to.equal(true);
    expect(await passwords.verify('a newer password', older)).to.equal(false);
  });

  it('take as long for a customer who does not exist', async () => {
    const hash = await passwords.hash('a password');
    const timed = async (of: string | undefined) => {
      const start = performance.now();
      for (let n = 0; n < 3; n++) await passwords.verify('another password', of);
      return performance.now() - start;
    };
    const [known, unknown] = [await timed(hash), await timed(undefined)];
    expect(unknown / known).to.be.within(0.2, 5); // other programs use the machine; without a hash it would be 0
  });

  it('are refused rather than queued without end', async function () {
    this.timeout(120_000);
    const all = await Promise.allSettled(
      Array.from({ length: MAX_WAITING_HASHES + 5 }, () => passwords.verify('a password', 'scrypt$2$1$1$AAAA$AAAA')),
    );
    const refused = all.filter((one) => one.status === 'rejected');
    expect(refused).to.have.length(5);
    for (const { reason } of refused) expect(isProblem(reason, 'unavailable')).to.equal(true);
  });
});
