package main

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/agent"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/wire"
)

// join makes the proxy's service a member of a manager's fleet. No request waits
// for it. The answer leaves again, for which there is a while.
func (s *sidecar) join(ctx context.Context, to manager, service *switchgear.Service, section *config.Service) (leave func(), err error) {
	whatever := context.WithoutCancel(ctx) // it stays until the last request has ended
	s.agent, err = agent.JoinWith(whatever, to.url, to.token,
		agent.Options{Logger: s.log, Program: "switchgear proxy " + buildVersion().Version},
		agent.Member{Service: service, Layer: section.Layer, Description: section.Description, Dependencies: section.Dependencies})
	if err != nil {
		return nil, err
	}
	return func() {
		leaving, cancel := context.WithTimeout(whatever, flushTimeout)
		defer cancel()
		if err := s.agent.Close(leaving); err != nil {
			s.log.WarnContext(leaving, "the manager will not hear of what happened last", slog.String("service", service.Name()), slog.Any("error", err))
		}
	}, nil
}

// managing is how the proxy is at its manager, as /state shows it.
type managing struct {
	URL           string    `json:"url"`
	Connected     bool      `json:"connected"`
	Joined        bool      `json:"joined"` // the manager has taken the service
	Since         wire.Time `json:"since"`  // when the connection was made, or lost
	ConfigVersion int       `json:"config_version"`
	ConfigError   *string   `json:"config_error"` // why a newer config was refused
	Unsent        int       `json:"unsent"`       // transitions that the manager has not stored yet
	Dropped       uint64    `json:"dropped"`      // transitions that made room for newer ones before it had
	Err           *string   `json:"error"`        // why it has not taken the service; null: it has, or is about to
}

func (s *sidecar) managing() managing {
	now := s.agent.State()
	out := managing{URL: s.managerURL, Connected: now.Connected, Since: wire.Time{Time: now.Since}}
	for _, one := range now.Services {
		out.Joined, out.ConfigVersion, out.ConfigError = one.Joined, one.ConfigVersion, orNull(one.ConfigError)
		out.Unsent, out.Dropped, out.Err = one.Unsent, one.Dropped, orNull(one.Err)
	}
	if now.Err != nil && !now.Connected {
		out.Err = orNull(explainManager(now.Err))
	}
	return out
}

// explainManager says why there is no connection and what can be done.
func explainManager(err error) string {
	switch kind, refused := client.KindOf(err); {
	case !refused:
		return "no manager answers: " + err.Error()
	case kind == client.Unauthorized:
		return "the manager does not accept the token: see SWITCHGEAR_TOKEN and --token-file"
	case kind == client.Forbidden:
		return "the token may not join, which takes the role agent: " + err.Error()
	case kind == client.NotFound:
		return "the manager knows nothing of agents: is it of an older release? " + err.Error()
	}
	return err.Error()
}

// ofManager are the metrics of the connection to the manager.
func (s *sidecar) ofManager() []prometheus.Collector {
	gauge := func(name, help string, of func(managing) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return of(s.managing()) })
	}
	return []prometheus.Collector{
		gauge("switchgear_proxy_manager_connected", "1 while the manager has taken the service, else 0.", func(m managing) float64 {
			if m.Joined {
				return 1
			}
			return 0
		}),
		gauge("switchgear_proxy_transitions_unsent", "Transitions that the manager has not stored yet.", func(m managing) float64 { return float64(m.Unsent) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "switchgear_proxy_transitions_dropped_total", Help: "Transitions that made room for newer ones before the manager had stored them.",
		}, func() float64 { return float64(s.managing().Dropped) }),
	}
}
