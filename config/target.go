package config

import (
	"fmt"
	"net/netip"
)

// targetRange is a range of addresses and what they are.
type targetRange struct {
	prefix netip.Prefix
	kind   string
}

func targetRanges(kind string, prefixes ...string) []targetRange {
	ranges := make([]targetRange, len(prefixes))
	for i, p := range prefixes {
		ranges[i] = targetRange{netip.MustParsePrefix(p), kind}
	}
	return ranges
}

// neverTargets are from the IANA registries of special-purpose addresses, and
// from what clouds document: addresses of theirs that give whoever asks from
// inside a machine its credentials. A tunnel's address stands for another one,
// which could be any.
var neverTargets = func() (all []targetRange) {
	all = append(all, targetRanges("unspecified", "0.0.0.0/8", "::/128")...)
	all = append(all, targetRanges("link-local", "169.254.0.0/16", "fe80::/10")...)
	all = append(all, targetRanges("cloud metadata", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32",
		"fd00:ec2::/32", "fd20:ce::254/128", "fd00:c1::a9fe:a9fe/128", "fd00:42::42/128")...)
	all = append(all, targetRanges("multicast", "224.0.0.0/4", "ff00::/8")...)
	all = append(all, targetRanges("broadcast", "255.255.255.255/32")...)
	return append(all, targetRanges("a tunnel", "2001::/32", "2002::/16", "64:ff9b:1::/48")...)
}()

// targetWords are the words for ranges that need no numbers.
var targetWords = map[string][]netip.Prefix{
	"loopback": {netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
	"private": {
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("fc00::/7"),
	},
}

// ParseTarget reads one of Settings.AllowedTargets: an IP address, a range such
// as 10.0.0.0/8 or fd12:3456::/32, or a word: loopback (127.0.0.0/8 and ::1) or
// private (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 and
// fc00::/7). A range that is never connected to as a whole is an error.
func ParseTarget(target string) ([]netip.Prefix, error) {
	if prefixes, ok := targetWords[target]; ok {
		return append([]netip.Prefix{}, prefixes...), nil
	}
	p, err := netip.ParsePrefix(target)
	if a, errAddr := netip.ParseAddr(target); err != nil && errAddr == nil && a.Zone() == "" {
		p = netip.PrefixFrom(a, a.BitLen())
	}
	switch {
	case !p.IsValid():
		return nil, fmt.Errorf("%s is not loopback, private, an IP address or a range such as 10.0.0.0/8", quote(target))
	case p.Addr().Is4In6():
		return nil, fmt.Errorf("%s is IPv4 written as IPv6; write it as IPv4", quote(target))
	case p != p.Masked():
		return nil, fmt.Errorf("%s begins within its range; write %s", quote(target), p.Masked())
	}
	for _, never := range neverTargets {
		if never.prefix.Bits() <= p.Bits() && never.prefix.Contains(p.Addr()) {
			return nil, fmt.Errorf("%s cannot be allowed: it is %s", quote(target), never.kind)
		}
	}
	return []netip.Prefix{p}, nil
}

// NeverTarget says of an address that nothing is ever connected to, whatever
// the settings, why: unspecified, link-local, cloud metadata, multicast,
// broadcast or a tunnel. It is empty for all others. An IPv4 address in an IPv6
// one is the caller's to take out.
func NeverTarget(a netip.Addr) string {
	a = a.WithZone("") // a prefix contains no address with a zone
	for _, never := range neverTargets {
		if never.prefix.Contains(a) {
			return never.kind
		}
	}
	return ""
}
