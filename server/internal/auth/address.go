package auth

import (
	"net/http"
	"net/netip"
	"slices"
)

// Address is where a request comes from: the other end of its connection,
// without the port. What headers say of it is not believed.
func Address(r *http.Request) string {
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return ap.Addr().Unmap().String()
	}
	return r.RemoteAddr
}

// Loopback reports whether a request comes from this machine.
func Loopback(r *http.Request) bool {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// OriginAllowed reports whether the page that a request comes from, if it comes
// from one, is the server's own or on the list, letter by letter. A program
// sends no Origin and is let through.
func OriginAllowed(r *http.Request, allowed []string) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	origin := origins[0]
	if len(origins) > 1 || origin == "" || origin == "null" {
		return false
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return origin == scheme+"://"+r.Host || slices.Contains(allowed, origin)
}
