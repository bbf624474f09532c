import { expect } from 'chai';
import { emailKeySchema } from '../../domain/kernel/email.js';
import { createEmailKey } from './email-key.js';
import { createKeyedHash } from './master-key.js';

describe('The key of an e-mail address', () => {
  const keyOf = createEmailKey(createKeyedHash(Buffer.alloc(32, 1)));

  it('is the same for all spellings of one address', () => {
    for (const spelling of ['Ada@Example.com', ' ada@example.com', 'ADA@EXAMPLE.COM']) {
      expect(keyOf(spelling)).to.equal(keyOf('ada@example.com'));
    }
    expect(keyOf('ada@bücher.example')).to.equal(keyOf('ada@XN--bcher-kva.example'));
  });

  it('is different for another address, and in another shop', () => {
    const keys = ['ada@example.com', 'ada@example.org', 'bob@example.com', 'ada.l@example.com'].map(keyOf);
    expect(
      new Set([...keys, createEmailKey(createKeyedHash(Buffer.alloc(32, 2)))('ada@example.com')]),
    ).to.have.property('size', 5);
  });

  it('does not show the address', () => {
    expect(emailKeySchema.parse(keyOf('ada@example.com'))).to.not.include('ada');
  });
});
