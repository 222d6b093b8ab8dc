package config_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
)

func TestParseTarget_ReadsWordsAddressesAndRanges(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"loopback":      {"127.0.0.0/8", "::1/128"},
		"private":       {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"},
		"10.1.0.0/16":   {"10.1.0.0/16"},
		"10.1.2.3":      {"10.1.2.3/32"},
		"fd12::/16":     {"fd12::/16"},
		"::1":           {"::1/128"},
		"0.0.0.0/0":     {"0.0.0.0/0"},
		"::/0":          {"::/0"},
		"64:ff9b::/96":  {"64:ff9b::/96"},
		"100.64.0.0/10": {"100.64.0.0/10"}, // of which one address stays refused
	} {
		prefixes, err := config.ParseTarget(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
		}
		var got []string
		for _, p := range prefixes {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

func TestParseTarget_SaysWhyItCannotBe(t *testing.T) {
	t.Parallel()
	const form = " is not loopback, private, an IP address or a range such as 10.0.0.0/8"
	for in, want := range map[string]string{
		"":                     `""` + form,
		"Loopback":             `"Loopback"` + form,
		"localhost":            `"localhost"` + form,
		"10.0.0.0/33":          `"10.0.0.0/33"` + form,
		"010.0.0.1":            `"010.0.0.1"` + form,
		"127.1":                `"127.1"` + form,
		"fe80::1%eth0":         `"fe80::1%eth0"` + form,
		"10.0.0.1/8":           `"10.0.0.1/8" begins within its range; write 10.0.0.0/8`,
		"::ffff:10.0.0.1":      `"::ffff:10.0.0.1" is IPv4 written as IPv6; write it as IPv4`,
		"::ffff:10.0.0.0/104":  `"::ffff:10.0.0.0/104" is IPv4 written as IPv6; write it as IPv4`,
		"0.0.0.0":              `"0.0.0.0" cannot be allowed: it is unspecified`,
		"169.254.0.0/16":       `"169.254.0.0/16" cannot be allowed: it is link-local`,
		"169.254.169.254":      `"169.254.169.254" cannot be allowed: it is link-local`,
		"fe80::/64":            `"fe80::/64" cannot be allowed: it is link-local`,
		"100.100.100.200":      `"100.100.100.200" cannot be allowed: it is cloud metadata`,
		"fd00:ec2::254":        `"fd00:ec2::254" cannot be allowed: it is cloud metadata`,
		"224.0.0.0/4":          `"224.0.0.0/4" cannot be allowed: it is multicast`,
		"255.255.255.255":      `"255.255.255.255" cannot be allowed: it is broadcast`,
		"2002:7f00:1::/48":     `"2002:7f00:1::/48" cannot be allowed: it is a tunnel`,
		"64:ff9b:1:8000::1/65": `"64:ff9b:1:8000::1/65" begins within its range; write 64:ff9b:1:8000::/65`,
	} {
		_, err := config.ParseTarget(in)
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestNeverTarget_AlsoWithAZone(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"fe80::1%eth0": "link-local", "ff02::1%eth0": "multicast", "0.1.2.3": "unspecified", "::": "unspecified",
		"fd00:ec2::23": "cloud metadata", "::1": "", "127.0.0.1": "", "10.0.0.1": "", "1.1.1.1": "", "2001:4860::1": "",
	} {
		if got := config.NeverTarget(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}
