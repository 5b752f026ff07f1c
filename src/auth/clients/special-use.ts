import { BlockList, isIP } from 'node:net';

/** Everything that IANA's special-purpose registries (RFC 6890 and what followed) keep from being a public host, IPv4. */
const ipv4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // carrier-grade NAT
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, cloud metadata
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.31.196.0', 24], // AS112
  ['192.52.193.0', 24], // AMT
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['192.175.48.0', 24], // AS112
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
];
/** Inside the one block that is in use, 2000::/3, what is special or carries an IPv4 address within. */
const ipv6: readonly (readonly [string, number])[] = [
  ['2001::', 23], // Teredo, ORCHID and other protocol assignments
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4
  ['2620:4f:8000::', 48], // AS112
  ['3ffe::', 16], // the old 6bone
  ['3fff::', 20], // documentation
  ['5f00::', 16], // segment routing
];

const special = new BlockList();
for (const [network, prefix] of ipv4) special.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of ipv6) special.addSubnet(network, prefix, 'ipv6');
const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/** An interface identifier of ISATAP (RFC 5214 §6.1): an IPv4 address follows. */
const isatap = /(?::|:0|:200):5efe:[0-9a-f]+:[0-9a-f]+$/i;

/**
 * May a fetch that a stranger asked for go to this address? Only to public hosts: IPv4 outside the special-purpose blocks, and IPv6
 * of 2000::/3 alone, which leaves out loopback, link-local, unique-local, mapped, NAT64 and every other form that hides an IPv4 one.
 */
export const isPublicAddress = (address: string): boolean => {
  const family = isIP(address);
  if (family === 4) return !special.check(address, 'ipv4');
  if (family !== 6 || address.includes('%')) return false;
  return globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6') && !isatap.test(address);
};
