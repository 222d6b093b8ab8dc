package probe

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"github.com/degenduel/switchgear/config"
)

// Targets are the addresses that may be connected to: the policy against
// requests that others make the manager send. The zero Targets are public
// addresses only. They are safe for concurrent use.
//
// What counts is the address that is dialled, so Control belongs into every
// net.Dialer: it sees the answer of each look-up, each redirect and each
// reconnection. Check, CheckURL and CheckHost tell early, without a look-up,
// what Control would refuse later; what they pass it may refuse all the same.
type Targets struct {
	trusted bool
	allowed []netip.Prefix
}

// NewTargets are those of somebody who is trusted, that is of the config file:
// all addresses, or of somebody who is not, that is of the API: the public
// ones and those that allowed names; see config.ParseTarget, whose error it
// returns. Neither of them ever reaches those of config.NeverTarget.
func NewTargets(allowed []string, trusted bool) (Targets, error) {
	t := Targets{trusted: trusted}
	for _, target := range allowed {
		prefixes, err := config.ParseTarget(target)
		if err != nil {
			return Targets{}, fmt.Errorf("server.allowedTargets: %w", err)
		}
		t.allowed = append(t.allowed, prefixes...)
	}
	return t, nil
}

// RefusedError is a target that Targets do not have.
type RefusedError struct {
	// Field is where the target was declared, such as healthCheck.http.url;
	// empty where that is not known.
	Field string

	// Target is what was to be connected to: an address, or a host as it was
	// written.
	Target string

	why string
}

// Error names the target and what to do, on one line.
func (e *RefusedError) Error() string {
	if e.Field == "" {
		return e.message()
	}
	return e.Field + ": " + e.message()
}

func (e *RefusedError) message() string { return e.Target + " " + e.why }

// EachField calls f with the field.
func (e *RefusedError) EachField(f func(field, message string)) { f(e.Field, e.message()) }

// Control refuses, with a *RefusedError, to connect to an address that is not
// among the targets, and to anything that is not TCP. It fits net.Dialer.
func (t Targets) Control(network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return &RefusedError{Target: brief(network+" "+address, maxReason), why: "is no TCP address, and nothing else is connected to"}
	}
	return t.judge(to.Addr(), to.Addr().String())
}

// Check refuses a health check that leads to a host that CheckHost refuses. The
// error is a *RefusedError whose field is a path within a service's section.
// A command is not looked at.
func (t Targets) Check(hc config.HealthCheck) error {
	var field, host string
	switch {
	case hc.HTTP != nil:
		return at("healthCheck.http.url", t.CheckURL(hc.HTTP.URL))
	case hc.TCP != nil:
		field, host = "healthCheck.tcp.address", hc.TCP.Address
	case hc.GRPC != nil:
		field, host = "healthCheck.grpc.address", hc.GRPC.Address
	default:
		return nil
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return at(field, t.CheckHost(host))
}

// CheckURL is CheckHost for the host of a URL. It refuses what is not http or
// https.
func (t Targets) CheckURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return &RefusedError{Target: "the target", why: "is no URL that begins with http:// or https://"}
	}
	return t.CheckHost(u.Hostname())
}

// CheckHost refuses, with a *RefusedError, a host that is an address, in any
// way of writing it, or a name that everywhere means the same one, and that is
// not among the targets. A name that must be looked up passes.
func (t Targets) CheckHost(host string) error {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	shown := brief(host, maxReason)
	if a, err := netip.ParseAddr(name); err == nil {
		return t.judge(a, shown)
	}
	if a, ok := numeric(name); ok {
		return t.judge(a, shown+" ("+a.String()+")")
	}
	switch {
	case name == "localhost" || strings.HasSuffix(name, ".localhost"):
		err := t.judge(netip.IPv6Loopback(), shown)
		if err != nil {
			err = t.judge(netip.AddrFrom4([4]byte{127, 0, 0, 1}), shown)
		}
		return err
	case metadataHosts[name]:
		return never(shown, "cloud metadata")
	}
	return nil
}

// metadataHosts are names that clouds give their metadata services.
var metadataHosts = map[string]bool{
	"metadata.google.internal":   true,
	"metadata.goog":              true,
	"instance-data":              true,
	"instance-data.ec2.internal": true,
}

// at puts the field into an error of CheckHost.
func at(field string, err error) error {
	if refused, ok := err.(*RefusedError); ok { //nolint:errorlint // it is CheckHost's own
		refused.Field = field
	}
	return err
}

func never(shown, kind string) error {
	return &RefusedError{Target: shown, why: "is " + kind + ": it is never connected to, whatever server.allowedTargets says"}
}

// judge says whether an address is among the targets; shown is what errors call
// it.
func (t Targets) judge(a netip.Addr, shown string) error {
	a = a.WithZone("") // a prefix contains no address with a zone
	inner := embedded(a)
	if inner != a {
		shown += ", which stands for " + inner.String() + ","
	}
	if kind := config.NeverTarget(inner); kind != "" {
		return never(shown, kind)
	}
	kind := special(inner)
	if kind == "" || t.trusted {
		return nil
	}
	for _, p := range t.allowed {
		if p.Contains(a) || p.Contains(inner) {
			return nil
		}
	}
	return &RefusedError{Target: shown, why: "is " + kind + ", which server.allowedTargets does not allow"}
}

// embeddings are the ranges of IPv6 whose last four bytes are an IPv4 address
// that is reached in their stead: mapped, compatible (RFC 4291), translated
// (RFC 2765), and NAT64 (RFC 6052). The other ways to hide one are among
// config.NeverTarget.
var embeddings = []netip.Prefix{
	netip.MustParsePrefix("::/96"),
	netip.MustParsePrefix("::ffff:0:0:0/96"),
	netip.MustParsePrefix("64:ff9b::/96"),
}

// embedded is the IPv4 address in an IPv6 one, or the address itself.
func embedded(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if a.Is4() || a.IsUnspecified() || a.IsLoopback() {
		return a
	}
	for _, p := range embeddings {
		if p.Contains(a) {
			last := a.As16()
			return netip.AddrFrom4([4]byte(last[12:]))
		}
	}
	return a
}

// specialTargets are the ranges of IPv4, and those of 2000::/3, that are no
// public addresses (IANA's registries of special-purpose addresses).
var specialTargets = []struct {
	kind     string
	prefixes []netip.Prefix
}{
	{"a loopback address", parse("loopback")},
	{"a private address", parse("private")},
	{"a reserved address", parse("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "3fff::/20")},
}

// publicIPv6 is all that is given out of IPv6 so far.
var publicIPv6 = netip.MustParsePrefix("2000::/3")

func parse(targets ...string) (all []netip.Prefix) {
	for _, target := range targets {
		prefixes, err := config.ParseTarget(target)
		if err != nil {
			panic(err)
		}
		all = append(all, prefixes...)
	}
	return all
}

// special is what an address is that is not public, or empty.
func special(a netip.Addr) string {
	for _, s := range specialTargets {
		for _, p := range s.prefixes {
			if p.Contains(a) {
				return s.kind
			}
		}
	}
	if a.Is6() && !publicIPv6.Contains(a) {
		return "a reserved address"
	}
	return ""
}

// numeric reads an IPv4 address as inet_aton(3) does, and resolvers with it: in
// one to four numbers, each decimal, octal after 0 or hexadecimal after 0x, the
// last of which fills all bytes that are left.
func numeric(host string) (a netip.Addr, ok bool) {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return a, false
	}
	var all uint64
	for i, part := range parts {
		most := uint64(0xff)
		if i == len(parts)-1 {
			most = 1<<(8*(4-i)) - 1
		}
		base := 10
		if hex, ok := strings.CutPrefix(part, "0x"); ok {
			part, base = "0"+hex, 16 // inet_aton takes 0x for zero
		} else if strings.HasPrefix(part, "0") {
			base = 8
		}
		n, err := strconv.ParseUint(part, base, 32)
		if err != nil || n > most {
			return a, false
		}
		if i == len(parts)-1 {
			all |= n
		} else {
			all |= n << (8 * (3 - i))
		}
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(all))
	return netip.AddrFrom4(b), true
}
