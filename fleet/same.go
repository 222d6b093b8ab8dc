package fleet

import (
	"bytes"
	"reflect"
	"slices"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

// sameConfig reports whether two configs mean the same, whatever their versions.
func sameConfig(a, b switchgear.Config) bool {
	a, b = a.Resolved(), b.Resolved()
	same := slices.Equal(a.RecoverySteps, b.RecoverySteps)
	a.RecoverySteps, b.RecoverySteps = nil, nil
	a.Classify, b.Classify = nil, nil
	a.Hooks, b.Hooks = nil, nil
	a.Version, b.Version = 0, 0
	return same && reflect.DeepEqual(a, b)
}

// sameService reports whether two sections mean the same.
func sameService(a, b *config.Service) bool {
	return a.Layer == b.Layer && a.Description == b.Description && slices.Equal(a.Dependencies, b.Dependencies) &&
		a.ReportInterval == b.ReportInterval && a.Alerts.Equal(b.Alerts) && sameProbe(a, b) && sameConfig(a.Config, b.Config)
}

// sameProbe reports whether two services are checked in the same way.
func sameProbe(a, b *config.Service) bool {
	if a.HealthCheck == nil || b.HealthCheck == nil {
		return a.HealthCheck == b.HealthCheck
	}
	return reflect.DeepEqual(a.HealthCheck, b.HealthCheck) || bytes.Equal(object(a.HealthCheck), object(b.HealthCheck))
}

// section is what the config file says of a service, as it is stored.
func section(def *config.Service) []byte { return object(def) }

// readSection reads what section has written, or an older or newer release
// has: nil if it cannot be read, and so is none that is known.
func readSection(data []byte) *config.Service {
	if len(data) == 0 {
		return nil
	}
	def, err := config.DecodeService(data, config.DecodeOptions{AllowCommand: true})
	if err != nil {
		return nil
	}
	return &def
}

// definition is a service without its config, as it is stored.
func definition(def *config.Service) []byte {
	plain := struct {
		Layer            string              `json:"layer"`
		Description      string              `json:"description"`
		Dependencies     []string            `json:"dependencies"`
		HealthCheck      *config.HealthCheck `json:"healthCheck"`
		ReportIntervalMs float64             `json:"reportIntervalMs"`
		Alerts           config.AlertRules   `json:"alerts,omitempty"`
	}{def.Layer, def.Description, def.Dependencies, def.HealthCheck, ms(def.ReportInterval), def.Alerts}
	return object(plain)
}
