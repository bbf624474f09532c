// The contract of whatever wraps data keys.
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { OperatorError } from '../../domain/kernel/errors.js';
import type { KeyWrap } from '../../infra/crypto/key-wrap.js';
import { the } from '../the.js';

export interface KeyWraps {
  /** A new process of the shop. */
  own(): KeyWrap;
  /** A process with another master key. */
  foreign(): KeyWrap;
}

export function keyWrapContract(open: () => Promise<KeyWraps>): void {
  let wraps: KeyWraps;
  before(async () => {
    wraps = await open();
  });

  it('unwraps in every process what one has wrapped', async () => {
    const dataKey = randomBytes(32);
    const wrapped = await wraps.own().wrap(dataKey, 'customer_1');
    expect(Buffer.from(wrapped).includes(dataKey)).to.equal(false);
    expect(Buffer.from(await wraps.own().unwrap(wrapped, 'customer_1'))).to.deep.equal(dataKey);
  });

  it('wraps the same data key to other bytes each time', async () => {
    const [one, other] = await Promise.all([0, 1].map(() => wraps.own().wrap(Buffer.alloc(32), 'customer_1')));
    expect(the(one)).not.to.deep.equal(the(other));
  });

  it('wraps for one subject, one shop and these very bytes', async () => {
    const wrapped = Buffer.from(await wraps.own().wrap(randomBytes(32), 'customer_1'));
    const changed = Buffer.from(wrapped);
    changed.writeUInt8(changed.readUInt8(wrapped.length >> 1) ^ 1, wrapped.length >> 1);
    const refused = await Promise.allSettled([
      wraps.own().unwrap(wrapped, 'customer_2'),
      wraps.foreign().unwrap(wrapped, 'customer_1'),
      wraps.own().unwrap(changed, 'customer_1'),
      wraps.own().unwrap(wrapped.subarray(1), 'customer_1'),
      wraps.own().unwrap(Buffer.concat([wrapped, Buffer.of(0)]), 'customer_1'),
      wraps.own().unwrap(Buffer.alloc(0), 'customer_1'),
    ]);
    for (const result of refused) expect(result).to.have.property('reason').that.is.instanceOf(OperatorError);
  });
}
