package server

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/metrics"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/wire"
)

// healthz says that the process serves.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) { writeText(w, "ok\n") }

// ready is an error that says what is missing, if the manager cannot remember what
// it is told, or this node cannot do its part among several.
func (s *Server) ready(ctx context.Context) error {
	err := s.manager.Ready(ctx)
	if s.clusterInfo != nil {
		if why := s.clusterInfo().Problem; why != nil {
			return problem.Status(http.StatusServiceUnavailable, "%s", *why)
		}
	}
	if err != nil {
		return notReadyError{unavailable{err}}
	}
	return nil
}

// readyz says whether it is ready, and what is missing.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if err := s.ready(r.Context()); err != nil {
		s.problems.Write(w, r, err)
		return
	}
	text := "ready\n"
	if s.clusterInfo != nil {
		if bus := s.clusterInfo().Bus; !bus.Connected { // the store is the truth, and is looked into each second
			text += "the bus is away: what another node does is seen here up to a second later\n"
		}
	}
	writeText(w, text)
}

// unavailable is an error that is answered with 503, whatever its kind.
type unavailable struct{ error }

// Unwrap is the reason.
func (u unavailable) Unwrap() error { return u.error }

// Status is 503.
func (unavailable) Status() int { return http.StatusServiceUnavailable }

// notReadyError is what the store says, which may hold paths, with what may be told.
type notReadyError struct{ unavailable }

// Detail is what may be told to anybody.
func (notReadyError) Detail() string {
	return "the store does not answer: what is told now is in force, and is not remembered yet"
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, text) // nobody is there to read it
}

func showVersion(v wire.Version) http.HandlerFunc {
	body, _ := json.Marshal(v) // strings: it cannot fail
	body = append(body, '\n')
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // as above
	}
}

// maxScrapes is how many scrapes run at a time: each walks over the fleet.
const maxScrapes = 4

// metrics shows the registry, to which it adds the fleet, the stream and the
// process.
func (s *Server) metrics(registry *prometheus.Registry, version wire.Version) (http.Handler, error) {
	for _, c := range []prometheus.Collector{
		metrics.New(s.measured(version)),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	show := promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: maxScrapes,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelError),
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.mayScrape(r); err != nil {
			s.problems.Write(w, r, err)
			return
		}
		show.ServeHTTP(w, r)
	}), nil
}

// measured are the parts that /metrics shows.
func (s *Server) measured(version wire.Version) metrics.Deps {
	d := metrics.Deps{
		Manager: s.manager, Durations: s.durations, Stream: s.stream.Measure, Agents: s.agents.Measure, Version: version,
		Access: func() metrics.Access {
			a := metrics.Access{Problems: s.problems.Counts()}
			a.Failed, a.Limited = s.auth.FailedLogins()
			return a
		},
	}
	d.Series = func() *metrics.Series {
		kept := s.watchers().Series
		if kept == nil {
			return nil
		}
		done := kept.Stats()
		return &metrics.Series{Points: done.Points, Written: done.Chunks, Dropped: done.Dropped, Waiting: done.Waiting}
	}
	d.Alerts = func() *metrics.Alerts {
		alerts := s.watchers().Alerts
		if alerts == nil {
			return nil
		}
		return alertMeasures(alerts.Stats())
	}
	if s.clusterInfo != nil {
		d.Cluster = func() *metrics.Cluster { return clusterMeasures(s.clusterInfo()) }
	}
	return d
}

func alertMeasures(is alert.Stats) *metrics.Alerts {
	a := &metrics.Alerts{Firing: make(map[metrics.AlertClass]int), Incidents: is.Incidents, Silences: is.Silences}
	for _, f := range is.Firing {
		a.Firing[metrics.AlertClass{Kind: string(f.Kind), Severity: string(f.Severity)}] = f.Count
	}
	for i := range is.Receivers {
		r := &is.Receivers[i]
		a.Receivers = append(a.Receivers, metrics.Receiver{
			Name: r.Name, Waiting: r.Waiting, Delivered: r.Delivered, Failed: r.Failed, GivenUp: r.GivenUp, Dropped: r.Dropped,
			Tried: !r.LastSuccessAt.IsZero() || !r.LastErrorAt.IsZero(), Working: r.LastError == nil, LastSuccess: r.LastSuccessAt.Time,
		})
	}
	return a
}

func clusterMeasures(c *wire.ClusterInfo) *metrics.Cluster {
	return &metrics.Cluster{
		Leads: c.Role == wire.NodeLeads, Able: c.Problem == nil, AsOf: c.AsOf.Time,
		Bus: c.Bus.Kind, BusConnected: c.Bus.Connected, Published: c.Bus.Published, Received: c.Bus.Received, Dropped: c.Bus.Dropped,
	}
}

// mayScrape lets in who is on this machine, and who may look.
func (s *Server) mayScrape(r *http.Request) error {
	if auth.Loopback(r) && !forwarded(r) && local(r.Host) {
		return nil
	}
	id, err := s.auth.Visitor(r, s.allowed)
	switch {
	case err != nil:
		return err
	case !id.Role.May(auth.Viewer):
		return problem.Status(http.StatusForbidden, "the role %s may not see metrics", id.Role)
	case id.Limited():
		return problem.Status(http.StatusForbidden, "the token is for some services only, and metrics are of all of them")
	}
	return nil
}

// forwarded reports whether a proxy on this machine passes on somebody else's
// request.
func forwarded(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

// local reports whether a request names this machine as such: a page whose name
// was made to mean this machine sends its own.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "localhost"
}
