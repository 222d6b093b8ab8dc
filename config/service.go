package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/internal/strict"
)

const (
	maxDescription    = 1024 // bytes
	maxDependencies   = 100
	minReportInterval = 100 * time.Millisecond
	maxReportInterval = 24 * time.Hour
)

var layerForm = regexp.MustCompile(`^[a-z0-9_-]{0,64}$`)

// Service is how one service is declared: its section of the config file, and
// the JSON body that registers it over REST.
//
//	{ "layer", "description", "dependencies", "config", "healthCheck", "reportIntervalMs", "alerts" }
//
// A service with a health check is probed by the manager. One without is
// reported: other programs send its outcomes.
type Service struct {
	// Layer groups services for people: [a-z0-9_-], up to 64 of them; may be
	// empty.
	Layer string

	// Description says what the service is, in up to 1 024 bytes without
	// control characters other than tab and line end; may be empty.
	Description string

	// Dependencies are the services that this one needs to work: up to 100
	// names, none twice, not its own. Whether they exist, and
	// lead in no circle, is CheckDependencies' to say.
	Dependencies []string

	// Config is how the breaker decides: the defaults with what the section
	// says put over them.
	Config switchgear.Config

	// HealthCheck is how the manager asks whether the service is well; nil:
	// it does not.
	HealthCheck *HealthCheck

	// ReportInterval is how often, at least, a reported service sends
	// outcomes; three that are missed make it unknown. 100 ms to 24 h; 0: its
	// silence means nothing. A service with a health check has none.
	ReportInterval time.Duration

	// Alerts are what was said of the rules of its alerts: they go before those
	// of the file. nil: nothing was.
	Alerts AlertRules
}

// DecodeOptions say how DecodeService reads a section.
type DecodeOptions struct {
	// Name is the service's own, which cannot be among its dependencies; not
	// checked if empty.
	Name string

	// Known reports whether there is a service of that name; a dependency on
	// one that is not is a bad field. nil: it is not looked at.
	Known func(name string) bool

	// Defaults is the config that the section's config is put over.
	Defaults switchgear.Config

	// AllowCommand admits health checks that run a command. It is for what
	// comes from the config file, and from the store, which got it from there:
	// whoever may send one can run programs on the manager's machine.
	AllowCommand bool
}

// serviceJSON is a section as it is written.
type serviceJSON struct {
	Layer            string          `json:"layer"`
	Description      string          `json:"description"`
	Dependencies     []string        `json:"dependencies"`
	Config           json.RawMessage `json:"config"`
	HealthCheck      *HealthCheck    `json:"healthCheck"`
	ReportIntervalMs float64         `json:"reportIntervalMs"`
	Alerts           alertRulesJSON  `json:"alerts"`
}

// DecodeService reads a section, in JSON. A key that is missing or null leaves
// its field empty; under config, null is the breaker's own default rather than
// that of opts. It returns a *FieldsError with every bad field, or another
// error if data is not JSON at all.
func DecodeService(data []byte, opts DecodeOptions) (Service, error) {
	s, bad, err := decodeService(data, opts)
	if err != nil {
		return Service{}, err
	}
	if err := bad.orNil(); err != nil {
		return Service{}, err
	}
	return s, nil
}

// decodeService is DecodeService; where fields are bad the others are filled
// in all the same, so that more can be said of them.
func decodeService(data []byte, opts DecodeOptions) (Service, problems, error) {
	var doc serviceJSON
	var bad problems
	// strict goes on after a bad field and fills in the good ones. Reading
	// these is worth it: every bad field is told, also one out of its range.
	if err := bad.addAll("", strict.Decode(data, &doc, strict.Options{})); err != nil {
		return Service{}, nil, err
	}
	s := Service{
		Layer:          doc.Layer,
		Description:    doc.Description,
		Dependencies:   doc.Dependencies,
		Config:         opts.Defaults,
		HealthCheck:    doc.HealthCheck,
		ReportInterval: milliseconds(doc.ReportIntervalMs),
	}
	if len(s.Dependencies) == 0 {
		s.Dependencies = nil
	}
	var more problems
	if doc.Config != nil {
		more = mergeConfig(&s.Config, doc.Config, "config")
	}
	s.Alerts = doc.Alerts.rules(&more, "alerts")
	s.check(&more, opts)
	bad.addNew(more)
	return s, bad, nil
}

// check adds what is wrong with all but the config.
func (s Service) check(bad *problems, opts DecodeOptions) {
	if !layerForm.MatchString(s.Layer) {
		bad.add("layer", "%s must match [a-z0-9_-]{0,64}", quote(s.Layer))
	}
	if what := badText(s.Description, maxDescription); what != "" {
		bad.add("description", "%s", what)
	}
	s.checkDependencies(bad, opts)
	if h := s.HealthCheck; h != nil {
		var inner problems
		h.check(&inner)
		if h.Command != nil && !opts.AllowCommand {
			inner.add("command", "a command check can be declared in the config file only")
		}
		for _, f := range inner {
			bad.add(join("healthCheck", f.Field), "%s", f.Message)
		}
	}
	switch {
	case s.ReportInterval != 0 && s.HealthCheck != nil:
		bad.add("reportIntervalMs", "is for reported services; this one has a health check")
	case s.ReportInterval != 0 && (s.ReportInterval < minReportInterval || s.ReportInterval > maxReportInterval):
		bad.add("reportIntervalMs", "%s, nor is it 0", msRange(s.ReportInterval, minReportInterval, maxReportInterval))
	}
}

func (s Service) checkDependencies(bad *problems, opts DecodeOptions) {
	if len(s.Dependencies) > maxDependencies {
		bad.add("dependencies", "%d names are more than %d", len(s.Dependencies), maxDependencies)
		return
	}
	seen := make(map[string]bool, len(s.Dependencies))
	for i, d := range s.Dependencies {
		field := fmt.Sprintf("dependencies[%d]", i)
		switch {
		case !switchgear.ValidName(d):
			bad.add(field, "%s is no name of a service: %s", quote(d), nameForm)
		case seen[d]:
			bad.add(field, "%s is given twice", d)
		case d == opts.Name:
			bad.add(field, "a service cannot depend on itself")
		case opts.Known != nil && !opts.Known(d):
			bad.add(field, "%s is declared nowhere", quote(d))
		}
		seen[d] = true
	}
}

const nameForm = "it must match [a-z0-9][a-z0-9_.:-]{0,127}"

// MarshalJSON writes all fields, with the config's defaults put in, but for
// rules of alerts of which nothing was said. The same
// Service is always the same bytes.
func (s Service) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Layer            string            `json:"layer"`
		Description      string            `json:"description"`
		Dependencies     []string          `json:"dependencies"`
		Config           switchgear.Config `json:"config"`
		HealthCheck      *HealthCheck      `json:"healthCheck"`
		ReportIntervalMs float64           `json:"reportIntervalMs"`
		Alerts           AlertRules        `json:"alerts,omitempty"`
	}{
		s.Layer, s.Description, append([]string{}, s.Dependencies...), s.Config, s.HealthCheck,
		inMs(s.ReportInterval), s.Alerts,
	})
}

// UnmarshalJSON is DecodeService with no options: without defaults, and
// commands refused.
func (s *Service) UnmarshalJSON(data []byte) error {
	got, err := DecodeService(data, DecodeOptions{})
	if err != nil {
		return err
	}
	*s = got
	return nil
}
