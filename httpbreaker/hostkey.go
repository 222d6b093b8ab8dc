package httpbreaker

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// HostKey is the host that a request is for, with its port, and one text for all
// the spellings of it: in lower case, without a dot at the end, the port always
// said, an IPv6 address in brackets and in its shortest form. It is meant for a
// For that has a breaker for each host, as http://PRICES.example is
// http://prices.example.:80. A server's request is taken by its Host, which is
// the client's to say: give such keys to a switchgear.Keyed alone, which bounds
// them. A name is not looked up, and not put into Punycode.
func HostKey(r *http.Request) string {
	u := *r.URL
	if u.Host == "" {
		u.Host, u.Scheme = r.Host, "http"
		if r.TLS != nil {
			u.Scheme = "https"
		}
	}
	host, port := strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), u.Port()
	if address, err := netip.ParseAddr(u.Hostname()); err == nil {
		host = address.String()
	}
	if port == "" {
		switch strings.ToLower(u.Scheme) {
		case "http", "ws":
			port = "80"
		case "https", "wss":
			port = "443"
		default:
			return host
		}
	}
	return net.JoinHostPort(host, port)
}
