package config

import (
	"maps"
	"slices"

	"github.com/degenduel/switchgear"
)

// Lint warns of what is legal in the section but cannot work, or will hurt, as
// far as the section alone can tell. The fields are paths within it.
func (s Service) Lint() []switchgear.Warning {
	var usage switchgear.Usage
	interval := s.Config.Resolved().HealthCheckInterval
	if h := s.HealthCheck; h != nil {
		usage.OperationTimeout = h.timeout()
		if interval > 0 {
			// A check that hangs delays the next one.
			usage.FeedInterval = max(interval, h.timeout())
		}
	} else {
		usage.FeedInterval = s.ReportInterval
	}
	warnings := s.Config.Lint(usage)
	for i := range warnings {
		warnings[i].Field = join("config", warnings[i].Field)
	}
	return warnings
}

// Lint warns of what is legal in the file but cannot work, or will hurt: by
// service, in the order of their names, then by receiver, and then of the fleet.
func (f *File) Lint() []Problem {
	var all []Problem
	for _, name := range slices.Sorted(maps.Keys(f.Services)) {
		at := f.sections[name]
		s := f.Services[name]
		for _, w := range append(s.Lint(), s.lintAlerts(f.Alerts.Rules)...) {
			all = append(all, Problem{f.Name, at.line(w.Field), join("services."+name, w.Field), w.Message})
		}
	}
	return slices.Concat(all, f.lintReceivers(), f.lintFleet(), f.lintQuorums())
}
