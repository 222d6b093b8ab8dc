package fleet

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/degenduel/switchgear/config"
)

// about is the evidence of a service that was registered, or declared anew: what
// it was from then on, beside its config.
type about struct {
	Source        Source   `json:"source"`
	ConfigVersion int      `json:"config_version,omitempty"` // of the one that it came with
	Layer         string   `json:"layer"`
	Description   string   `json:"description"`
	Dependencies  []string `json:"dependencies"` // null of an event of a release that did not say
}

func aboutJSON(def *config.Service, source Source, version int) json.RawMessage {
	return object(about{source, version, def.Layer, def.Description, append([]string{}, def.Dependencies...)})
}

// planDeclared tells that a service is not what it was, its config apart: what
// has been is otherwise nowhere.
func planDeclared(s *member, was *config.Service, source Source, at time.Time, by Actor, b *draft) {
	def := &s.def
	if def.Layer == was.Layer && def.Description == was.Description && slices.Equal(def.Dependencies, was.Dependencies) && s.source == source {
		return
	}
	b.Events = append(b.Events, Event{
		Service: s.name, Kind: EventDeclared, At: at, Actor: by.Name, Reason: by.Reason,
		Evidence: aboutJSON(def, s.source, 0),
	})
}
