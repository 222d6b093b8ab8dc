package main

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/agent"
)

// BenchmarkAgent is what an operation costs where an agent has joined the breaker
// to a manager that is away, refuses, or takes the connection and never says a word;
// and where there is no agent.
func BenchmarkAgent(b *testing.B) {
	for _, manager := range []struct {
		name string
		url  func(b *testing.B) string // nil: there is no agent
	}{
		{"none", nil},
		{"away", func(*testing.B) string { return "http://127.0.0.1:1" }},
		{"refuses", func(b *testing.B) string {
			b.Helper()
			return "http://" + serve(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
		}},
		{"hangs", func(b *testing.B) string {
			b.Helper()
			return "http://" + serve(b, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		}},
	} {
		for _, l := range loads() {
			b.Run(manager.name+"/"+l.name, func(b *testing.B) {
				s, err := switchgear.NewService("prices", switchgear.ServiceConfig{})
				if err != nil {
					b.Fatal(err)
				}
				if manager.url != nil {
					a, err := agent.Join(context.Background(), manager.url(b), "token", s)
					if err != nil {
						b.Fatal(err)
					}
					defer a.Close(context.Background()) //nolint:errcheck // nobody hears of it
				}
				b.ReportAllocs()
				l.run(b, func() error {
					_, err := switchgear.Do(b.Context(), s.Breaker(), func(context.Context) (int, error) { return 1, nil })
					return err
				}, func(err error) {
					if err != nil {
						b.Error(err)
					}
				})
			})
		}
	}
}

// serve answers on loopback until the benchmark ends.
func serve(b *testing.B, h http.Handler) (address string) {
	b.Helper()
	l, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &http.Server{Handler: h}
	go func() { _ = s.Serve(l) }()
	b.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}
