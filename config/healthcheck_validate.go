package config

import (
	"fmt"
	"maps"
	"net"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	maxURL         = 2048
	maxHeaders     = 32
	maxHeaderValue = 4096
	maxStatuses    = 50
	maxExpectBody  = 1024
	maxGRPCService = 256
	maxArgs        = 64
	maxArg         = 4096
)

var methods = []string{"GET", "HEAD", "POST", "PUT", "OPTIONS"}

// framing are the headers that say how the message is sent, which is the
// client's to know.
var framing = []string{
	"Connection", "Content-Length", "Expect", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// Validate returns a *FieldsError that names every field of h that cannot be,
// or nil.
func (h HealthCheck) Validate() error {
	var bad problems
	h.check(&bad)
	return bad.orNil()
}

func (h HealthCheck) check(bad *problems) {
	var kinds []string
	if c := h.HTTP; c != nil {
		kinds = append(kinds, "http")
		c.check(bad)
	}
	if c := h.TCP; c != nil {
		kinds = append(kinds, "tcp")
		checkAddress(bad, "tcp.address", c.Address)
	}
	if c := h.GRPC; c != nil {
		kinds = append(kinds, "grpc")
		checkAddress(bad, "grpc.address", c.Address)
		if what := badText(c.Service, maxGRPCService); what != "" {
			bad.add("grpc.service", "%s", what)
		}
	}
	if c := h.Command; c != nil {
		kinds = append(kinds, "command")
		c.check(bad)
	}
	switch len(kinds) {
	case 0:
		bad.add("", "needs one of http, tcp, grpc and command")
	case 1:
	default:
		bad.add("", "can have one of http, tcp, grpc and command, not %s", strings.Join(kinds, " and "))
	}
	if t := h.timeout(); t < minCheckTimeout || t > maxCheckTimeout {
		if t == zeroTimeout {
			t = 0
		}
		bad.add("timeoutMs", "%s", msRange(t, minCheckTimeout, maxCheckTimeout))
	}
}

func (c *HTTPCheck) check(bad *problems) {
	if what := badURL(c.URL); what != "" {
		bad.add("http.url", "%s", what)
	}
	if !slices.Contains(methods, c.method()) {
		bad.add("http.method", "%s is not one of %s", quote(c.Method), strings.Join(methods, ", "))
	}
	c.checkHeaders(bad)
	c.ExpectStatus.check(bad, "http.expectStatus")
	switch {
	case len(c.ExpectBody) > maxExpectBody:
		bad.add("http.expectBody", "%d bytes are more than %d", len(c.ExpectBody), maxExpectBody)
	case c.ExpectBody != "" && c.method() == "HEAD":
		bad.add("http.expectBody", "the answer to HEAD has no body")
	}
}

func (s Statuses) check(bad *problems, field string) {
	if len(s) > maxStatuses {
		bad.add(field, "%d codes are more than %d", len(s), maxStatuses)
		return
	}
	for i, code := range s {
		at := field
		if len(s) > 1 {
			at = fmt.Sprintf("%s[%d]", field, i)
		}
		if code < 200 || code > 599 {
			bad.add(at, "%d is not in 200 … 599", code)
		}
	}
}

// checkHeaders never shows a value: it may be a secret.
func (c *HTTPCheck) checkHeaders(bad *problems) {
	if len(c.Headers) > maxHeaders {
		bad.add("http.headers", "%d are more than %d", len(c.Headers), maxHeaders)
		return
	}
	seen := make(map[string]string, len(c.Headers))
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		field := "http.headers." + name
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case !isToken(name):
			bad.add("http.headers", "%s is no name of a header", quote(name))
		case slices.Contains(framing, canonical):
			bad.add(field, "cannot be set")
		case seen[canonical] != "":
			bad.add(field, "is given twice, the other time as %s", seen[canonical])
		case len(c.Headers[name]) > maxHeaderValue:
			bad.add(field, "%d bytes are more than %d", len(c.Headers[name]), maxHeaderValue)
		case strings.ContainsFunc(c.Headers[name], func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			bad.add(field, "has a control character")
		}
		seen[canonical] = name
	}
}

// isToken reports whether s can name a header (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

// badURL does not show the URL either: it may hold a password.
func badURL(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return "is required"
	case len(raw) > maxURL:
		return fmt.Sprintf("%d bytes are more than %d", len(raw), maxURL)
	case err != nil || u.Opaque != "" || hiddenRune(raw, "") != "":
		return "is not a URL"
	case u.Scheme != "http" && u.Scheme != "https":
		return "must begin with http:// or https://"
	case u.Hostname() == "":
		return "has no host"
	case u.Fragment != "":
		return "cannot have a fragment"
	case u.Port() != "" && !isPort(u.Port(), 1):
		return "the port is not in 1 … 65535"
	}
	return ""
}

func checkAddress(bad *problems, field, address string) {
	if what := badAddress(address); what != "" {
		bad.add(field, "%s", what)
	}
}

// badAddress is what is wrong with the address of something to connect to.
func badAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	switch {
	case address == "":
		return "is required"
	case err != nil || host == "" || len(host) > 253 || strings.ContainsAny(host, "/@?# \t\n") || hiddenRune(host, "") != "":
		return quote(address) + " is not a host and a port, such as 127.0.0.1:5432"
	case !isPort(port, 1):
		return "the port is not in 1 … 65535"
	}
	return ""
}

func isPort(s string, low uint64) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n >= low
}

func (c *CommandCheck) check(bad *problems) {
	switch {
	case len(c.Argv) == 0:
		bad.add("command.argv", "is required: the program and its arguments, as a list")
	case len(c.Argv) > maxArgs:
		bad.add("command.argv", "%d are more than %d", len(c.Argv), maxArgs)
		return
	case c.Argv[0] == "":
		bad.add("command.argv[0]", "the program has no name")
	}
	for i, arg := range c.Argv {
		if len(arg) > maxArg {
			bad.add(fmt.Sprintf("command.argv[%d]", i), "%d bytes are more than %d", len(arg), maxArg)
		}
		if strings.ContainsRune(arg, 0) {
			bad.add(fmt.Sprintf("command.argv[%d]", i), "has a NUL")
		}
	}
}
