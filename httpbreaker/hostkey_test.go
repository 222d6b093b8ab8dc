package httpbreaker_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/degenduel/switchgear/httpbreaker"
)

func TestHostKey_IsOneForAllSpellingsOfAHost(t *testing.T) {
	t.Parallel()
	for key, urls := range map[string][]string{
		"prices.example:80": {
			"http://prices.example/", "http://PRICES.example", "HTTP://prices.example:80/", "http://prices.example./?q", "http://ada@prices.example:/", "ws://prices.example/",
		},
		"prices.example:443":  {"https://prices.example/", "https://prices.example:443/", "wss://prices.example/"},
		"prices.example:8080": {"http://prices.example:8080/", "https://Prices.Example.:8080/"},
		"127.0.0.1:80":        {"http://127.0.0.1/"},
		"[::1]:80":            {"http://[::1]/", "http://[0:0:0:0:0:0:0:1]:80/"},
		"[fe80::a%Eth0]:443":  {"https://[FE80::A%25Eth0]/"},
		"prices.example":      {"gopher://prices.example/"},
	} {
		for _, url := range urls {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if got := httpbreaker.HostKey(r); got != key {
				t.Errorf("the key of %s is %q, want %q", url, got, key)
			}
		}
	}
}

func TestHostKey_OfAServersRequestIsTheHostThatItIsFor(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		host string
		tls  *tls.ConnectionState
		want string
	}{
		{"Prices.Example", nil, "prices.example:80"},
		{"prices.example.", &tls.ConnectionState{}, "prices.example:443"},
		{"prices.example:8443", &tls.ConnectionState{}, "prices.example:8443"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Host, r.TLS = test.host, test.tls
		if got := httpbreaker.HostKey(r); got != test.want {
			t.Errorf("the key of %q is %q, want %q", test.host, got, test.want)
		}
	}
}
