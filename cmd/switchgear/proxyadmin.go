package main

import (
	"encoding/json"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/metrics"
	"github.com/degenduel/switchgear/wire"
)

// admin shows the proxy to those who run it: GET /state, /metrics and /healthz.
func (s *sidecar) admin(address net.Addr) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(append(s.collectors(), metrics.OfBreakers(s.breaker))...)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(s.state()) // the client may have gone
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	tcp, ok := address.(*net.TCPAddr)
	if !ok || !tcp.IP.IsLoopback() {
		return mux
	}
	// A page whose name leads to this machine is not to read it from a browser.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocal("http://" + r.Host) {
			writeProblem(w, http.StatusForbidden, "this is for the machine itself")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *sidecar) collectors() []prometheus.Collector {
	all := []prometheus.Collector{prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "switchgear_proxy_requests_in_flight", Help: "Requests that are on their way.",
	}, func() float64 { return float64(s.flights.now()) })}
	if s.reporter == nil {
		return all
	}
	counter := func(name, help string, of func(reporting) uint64) {
		all = append(all, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(of(s.reporter.state())) }))
	}
	counter("switchgear_proxy_reports_total", "Operations that the manager was told of.", func(r reporting) uint64 { return r.Reported })
	counter("switchgear_proxy_reports_dropped_total", "Operations that the manager will not hear of.", func(r reporting) uint64 { return r.Dropped })
	return append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "switchgear_proxy_reports_queued", Help: "Operations that the manager is yet to be told of.",
	}, func() float64 { return float64(s.reporter.state().Queued) }))
}

// proxyState is the answer of /state.
type proxyState struct {
	Service          string            `json:"service"`
	Upstream         string            `json:"upstream"`
	State            string            `json:"state"`
	Mode             string            `json:"mode"`
	IsOpen           bool              `json:"is_open"`
	Failures         uint64            `json:"failures"`  // in the window
	Successes        uint64            `json:"successes"` // in the window
	LastError        *string           `json:"last_error"`
	OpenedAt         wire.Time         `json:"opened_at"`
	OpenedBy         *string           `json:"opened_by"` // the rule
	NextAttemptAt    wire.Time         `json:"next_attempt_at"`
	ClosesAt         wire.Time         `json:"closes_at"`
	AdmittedShare    float64           `json:"admitted_share"`
	RecoveryAttempts int               `json:"recovery_attempts"`
	Transitions      uint64            `json:"transitions"`
	InFlight         int               `json:"in_flight"`
	Operations       wire.Operations   `json:"operations"`
	Performance      wire.Performance  `json:"performance"`
	Config           switchgear.Config `json:"config"`
	Manager          *reporting        `json:"manager"` // null: none is told
}

func (s *sidecar) state() proxyState {
	now := s.breaker.Snapshot()
	ops := now.Operations
	out := proxyState{
		Service: now.Service, Upstream: s.upstream.String(), State: now.State.String(), Mode: now.Mode.String(),
		IsOpen:   now.Mode == switchgear.ForcedOpen || now.Mode == switchgear.Auto && now.State == switchgear.Open,
		Failures: now.Failures, Successes: now.Successes, LastError: orNull(now.LastError),
		OpenedAt: wire.Time{Time: now.OpenedAt}, NextAttemptAt: wire.Time{Time: now.NextAttemptAt}, ClosesAt: wire.Time{Time: now.ClosesAt},
		AdmittedShare: now.AdmittedShare, RecoveryAttempts: now.RecoveryAttempts, Transitions: now.Transitions, InFlight: s.flights.now(),
		Operations: wire.Operations{
			Total: ops.Total(), Successful: ops.Successful, Failed: ops.Failed, Rejected: ops.Rejected, Ignored: ops.Ignored,
		},
		Performance: wire.Performance{
			AverageOperationTimeMs: inMs(now.Performance.Average), LastOperationTimeMs: inMs(now.Performance.Last),
			P50OperationTimeMs: inMs(now.Performance.P50), P95OperationTimeMs: inMs(now.Performance.P95), P99OperationTimeMs: inMs(now.Performance.P99),
		},
		Config: s.breaker.Config(),
	}
	if now.Trip != nil {
		out.OpenedBy = orNull(now.Trip.Rule)
	}
	if s.reporter != nil {
		r := s.reporter.state()
		out.Manager = &r
	}
	return out
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func inMs(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
