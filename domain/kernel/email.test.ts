import { expect } from 'chai';
import { emailSchema } from './email.js';

const takes = (address: string) => emailSchema.safeParse(address).success;

describe('An e-mail address', () => {
  it('may have a domain in another script, as registered', () => {
    for (const address of ['a@b.xn--p1ai', 'a@xn--mnchen-3ya.de', 'a@b.xn--fiqs8s', 'a@mail.xn--80ak6aa92e.xn--90ais'])
      expect(takes(address), address).to.equal(true);
  });

  it('may have any usual form', () => {
    for (const address of [
      'ada@example.com',
      "o'neill+shop@mail.example.co.uk",
      'a_b-c.d@1.museum',
      `${'x'.repeat(64)}@example.com`,
    ])
      expect(takes(address), address).to.equal(true);
  });

  it('has no other form', () => {
    for (const address of [
      ...['', 'ada', '@example.com', 'ada@', 'ada@example', 'a..b@example.com', '.a@example.com', 'a.@example.com'],
      ...[
        'a@-b.com',
        'a@b-.com',
        'a@b..com',
        'a@b.c',
        'a@b.123',
        'a@b.xn--',
        'a@b.xn--a-',
        'a b@example.com',
        'a@b.com\n',
      ],
      ...[`${'x'.repeat(65)}@example.com`, `a@${'b'.repeat(64)}.com`, `a@${'b.'.repeat(126)}com`],
    ])
      expect(takes(address), address).to.equal(false);
  });
});
