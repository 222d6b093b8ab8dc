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
			s.writeProblem(w, http.StatusForbidden, "this is for the machine itself")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *sidecar) collectors() []prometheus.Collector {
	all := []prometheus.Collector{prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "switchgear_proxy_requests_in_flight", Help: "Requests that are on their way.",
	}, func() float64 { return float64(s.flights.now()) })}
	tripped := func(name, help string, labels prometheus.Labels, of func(*switchgear.Snapshot) float64) {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 {
			if now := s.breaker.Snapshot(); now.Trip != nil {
				return of(&now)
			}
			return 0
		}))
	}
	tripped("switchgear_proxy_open_seconds", "How long the circuit stays open from when it opened; 0 while it is closed.", nil,
		func(now *switchgear.Snapshot) float64 { return now.OpenTime.Seconds() })
	for kind, of := range map[string]func(*switchgear.Snapshot) uint64{
		"failure": func(now *switchgear.Snapshot) uint64 { return now.Trip.Failures },
		"success": func(now *switchgear.Snapshot) uint64 { return now.Trip.Successes },
		"slow":    func(now *switchgear.Snapshot) uint64 { return now.Trip.Slow },
	} {
		tripped("switchgear_proxy_trip_operations", "What was in the window when the circuit opened; 0 while it is closed. Slow ones may be among the others.",
			prometheus.Labels{"kind": kind}, func(now *switchgear.Snapshot) float64 { return float64(of(now)) })
	}
	if s.agent != nil {
		all = append(all, s.ofManager()...)
	}
	return all
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
	Slow             uint64            `json:"slow"`      // in the window
	LastError        *string           `json:"last_error"`
	OpenedAt         wire.Time         `json:"opened_at"`
	OpenedBy         *string           `json:"opened_by"` // the rule
	OpenMs           float64           `json:"open_ms"`   // how long it stays open; 0 while closed
	Trip             *proxyTrip        `json:"trip"`      // null while closed
	NextAttemptAt    wire.Time         `json:"next_attempt_at"`
	ClosesAt         wire.Time         `json:"closes_at"`
	AdmittedShare    float64           `json:"admitted_share"`
	RecoveryAttempts int               `json:"recovery_attempts"`
	Transitions      uint64            `json:"transitions"`
	InFlight         int               `json:"in_flight"`
	Operations       wire.Operations   `json:"operations"`
	Performance      wire.Performance  `json:"performance"`
	Config           switchgear.Config `json:"config"`
	Manager          *managing         `json:"manager"` // null: there is none
}

// proxyTrip is why the circuit opened: what was in the window then.
type proxyTrip struct {
	Rule      string  `json:"rule"`
	Failures  uint64  `json:"failures"`
	Successes uint64  `json:"successes"`
	Slow      uint64  `json:"slow"`
	LastError *string `json:"last_error"`
}

func (s *sidecar) state() proxyState {
	now := s.breaker.Snapshot()
	ops := now.Operations
	out := proxyState{
		Service: now.Service, Upstream: s.upstream.String(), State: now.State.String(), Mode: now.Mode.String(),
		IsOpen:   now.Mode == switchgear.ForcedOpen || now.Mode == switchgear.Auto && now.State == switchgear.Open,
		Failures: now.Failures, Successes: now.Successes, Slow: now.Slow, LastError: orNull(now.LastError),
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
		out.OpenedBy, out.OpenMs = orNull(now.Trip.Rule), inMs(now.OpenTime)
		out.Trip = &proxyTrip{now.Trip.Rule, now.Trip.Failures, now.Trip.Successes, now.Trip.Slow, orNull(now.Trip.LastError)}
	}
	if s.agent != nil {
		m := s.managing()
		out.Manager = &m
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
