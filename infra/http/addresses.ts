// The address that a request comes from. An IPv6 user usually has a whole /64, so a /64 counts as one address.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Groups of 16 bits. */
const IPV6_SITE_GROUPS = 4;

/** Normalised form of an address, for everything that is counted by address. */
export function addressKey(address: string | undefined): string {
  const parsed = parseAddress(address);
  if (!parsed) return 'unknown';
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  return `${parsed.parts
    .slice(0, IPV6_SITE_GROUPS)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** Addresses and ranges in CIDR notation; undefined if one of them is invalid. */
export function parseRanges(texts: readonly string[]): AddressRanges | undefined {
  const ranges = texts.map(parseRange);
  return ranges.every((range) => range !== undefined) ? ranges : undefined;
}

export type AddressRanges = readonly (readonly [ipaddr.IPv4 | ipaddr.IPv6, number])[];

export function isWithin(ranges: AddressRanges, address: string | undefined): boolean {
  const parsed = parseAddress(address);
  return parsed !== undefined && ranges.some(([base, bits]) => isInRange(parsed, base, bits));
}

/**
 * The nearest address that is not a trusted proxy. `X-Forwarded-For` is read from its end, where the nearest proxy has added its
 * client. Entries before an untrusted or invalid address may be forged.
 */
export function clientAddressOf({ socket, headers }: IncomingMessage, trustedProxies: AddressRanges): string {
  if (trustedProxies.length === 0) return peerKey(socket);
  const forwarded = headers['x-forwarded-for'];
  let nearest = socket.remoteAddress;
  if (typeof forwarded === 'string') {
    for (const hop of forwarded.split(',').reverse()) {
      const address = parseAddress(withoutPort(hop.trim()))?.toString();
      if (!isWithin(trustedProxies, nearest) || address === undefined) break;
      nearest = address;
    }
  }
  return addressKey(nearest);
}

const peerKeys = new WeakMap<Socket, string>();

/** The key of a connection's own address. A connection keeps its address. */
function peerKey(socket: Socket): string {
  const known = peerKeys.get(socket) ?? addressKey(socket.remoteAddress);
  peerKeys.set(socket, known);
  return known;
}

/** IPv4 addresses that IPv6 sockets show as `::ffff:192.0.2.1` count as IPv4 addresses. */
function parseAddress(text: string | undefined): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (text === undefined) return undefined;
  const isAddress = ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);
  return isAddress ? ipaddr.process(text) : undefined;
}

function parseRange(text: string): readonly [ipaddr.IPv4 | ipaddr.IPv6, number] | undefined {
  const address = parseAddress(text);
  if (address) return [address, address.kind() === 'ipv4' ? 32 : 128];
  const isRange = ipaddr.IPv4.isValidCIDRFourPartDecimal(text) || ipaddr.IPv6.isValidCIDR(text);
  return isRange ? ipaddr.parseCIDR(text) : undefined;
}

function isInRange(address: ipaddr.IPv4 | ipaddr.IPv6, base: ipaddr.IPv4 | ipaddr.IPv6, bits: number): boolean {
  return address.kind() === base.kind() && address.match(base, bits);
}

/** Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}
