import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import fc from 'fast-check';
import { the } from '../../test/the.js';
import { addressKey, clientAddressOf, parseRanges } from './addresses.js';

const PROXIES = the(parseRanges(['10.0.0.0/8', '2001:db8:ffff::/48', '192.0.2.1']));

const asked = (remoteAddress: string, forwarded?: string, proxies = PROXIES) => {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return clientAddressOf({ socket: { remoteAddress }, headers } as IncomingMessage, proxies);
};

describe('The address of a caller', () => {
  it('is the /64 of an IPv6 address, and an IPv4 address however it is written', () => {
    expect(addressKey('2001:db8:1:2:3:4:5:6')).to.equal('2001:db8:1:2::/64');
    expect(addressKey('2001:0DB8:1:2::')).to.equal(addressKey('2001:db8:1:2:ffff:ffff:ffff:ffff'));
    expect(addressKey('fe80::1%eth0')).to.equal('fe80:0:0:0::/64');
    expect(addressKey('::ffff:198.51.100.7')).to.equal('198.51.100.7');
    expect(addressKey('::ffff:c633:6407')).to.equal('198.51.100.7');
    expect(addressKey(undefined)).to.equal('unknown');
  });

  it('is the address of the connection if no proxy is trusted, whatever the header contains', () => {
    expect(asked('10.0.0.1', '198.51.100.7', [])).to.equal('10.0.0.1');
    expect(asked('203.0.113.9', '198.51.100.7')).to.equal('203.0.113.9');
  });

  it('is the nearest client of a trusted proxy, through any number of proxies', () => {
    expect(asked('10.0.0.1', '198.51.100.7')).to.equal('198.51.100.7');
    expect(asked('10.0.0.1', '198.51.100.7, 10.2.3.4,2001:db8:ffff::1 , 192.0.2.1')).to.equal('198.51.100.7');
    expect(asked('::ffff:10.0.0.1', '198.51.100.7:4711')).to.equal('198.51.100.7');
    expect(asked('10.0.0.1', '[2001:db8:1:2::9]:4711')).to.equal('2001:db8:1:2::/64');
    expect(asked('10.0.0.1')).to.equal('10.0.0.1');
  });

  it('is not changed by entries that a client writes before', () => {
    const invented = fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.constant('10.0.0.9'));
    fc.assert(
      fc.property(fc.array(invented, { maxLength: 5 }), (front) => {
        expect(asked('10.0.0.1', [...front, '198.51.100.7'].join(','))).to.equal('198.51.100.7');
        expect(asked('203.0.113.9', front.join(','))).to.equal('203.0.113.9');
      }),
    );
  });

  it("is the proxy's address if the forwarded value is not an address", () => {
    for (const odd of ['', 'unknown', '198.51.100.7, nonsense', '1.2.3', '0x7f.1', '017.0.0.1', '_hidden', ',']) {
      expect(asked('10.0.0.1', odd), odd).to.equal('10.0.0.1');
    }
  });

  it('is trusted by addresses and ranges alone', () => {
    for (const odd of ['localhost', '10.0.0.0/33', '10.0.0', '::/129', '', '10.0.0.1/', '127.1']) {
      expect(parseRanges(['10.0.0.1', odd]), odd).to.equal(undefined);
    }
  });
});
