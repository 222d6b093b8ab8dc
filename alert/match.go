package alert

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

const (
	maxMatchers     = 20
	maxMatcherValue = 1024 // bytes
)

var (
	matcherFields = []string{"service", "kind", "severity", "layer", "root", "incident"}
	matcherOps    = []string{"=", "!=", "=~", "!~"}
)

// matcher is a fleet.Matcher that can be asked.
type matcher struct {
	fleet.Matcher

	expression *regexp.Regexp // of =~ and !~
}

// compile makes matchers; its error names each that is bad.
func compile(matchers []fleet.Matcher) ([]matcher, error) {
	var bad []switchgear.FieldError
	if len(matchers) > maxMatchers {
		bad = append(bad, switchgear.FieldError{Field: "matchers", Message: fmt.Sprintf("%d are more than %d", len(matchers), maxMatchers)})
		matchers = nil
	}
	out := make([]matcher, 0, len(matchers))
	for i, m := range matchers {
		add := func(field, format string, args ...any) {
			bad = append(bad, switchgear.FieldError{Field: fmt.Sprintf("matchers[%d].%s", i, field), Message: fmt.Sprintf(format, args...)})
		}
		if !slices.Contains(matcherFields, m.Field) {
			add("field", "%.100q is not one of %s", m.Field, strings.Join(matcherFields, ", "))
		}
		if !slices.Contains(matcherOps, m.Op) {
			add("op", "%.100q is not one of %s", m.Op, strings.Join(matcherOps, ", "))
		}
		one := matcher{Matcher: m}
		switch {
		case len(m.Value) > maxMatcherValue:
			add("value", "%d bytes are more than %d", len(m.Value), maxMatcherValue)
		case m.Op == "=~" || m.Op == "!~":
			var err error
			if one.expression, err = wholly(m.Value); err != nil {
				add("value", "is no regular expression: %v", err)
			}
		}
		out = append(out, one)
	}
	if len(bad) > 0 {
		return nil, &fleet.Error{Kind: fleet.Invalid, Op: "matchers", Err: wrong(bad), Fields: bad}
	}
	return out, nil
}

// wholly is an expression that matches the whole of a text or not at all.
func wholly(value string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(value); err != nil { // by itself, so that no bracket of it ends ours
		return nil, err
	}
	return regexp.Compile(`\A(?:` + value + `)\z`)
}

// wrong is the bad fields in words.
func wrong(bad []switchgear.FieldError) error {
	texts := make([]string, len(bad))
	for i, f := range bad {
		texts[i] = f.Field + ": " + f.Message
	}
	return errors.New(strings.Join(texts, "; "))
}

// matches reports whether an alert of a service of that layer is as the matcher
// says.
func (m *matcher) matches(a *fleet.Alert, layer string) bool {
	value := ""
	switch m.Field {
	case "service":
		value = a.Service
	case "kind":
		value = string(a.Kind)
	case "severity":
		value = string(a.Severity)
	case "layer":
		value = layer
	case "root":
		value = a.Root
	case "incident":
		value = a.Incident
	}
	switch m.Op {
	case "=":
		return value == m.Value
	case "!=":
		return value != m.Value
	case "=~":
		return m.expression.MatchString(value)
	}
	return !m.expression.MatchString(value)
}

// matchAll reports whether all matchers match; none always do.
func matchAll(all []matcher, a *fleet.Alert, layer string) bool {
	for i := range all {
		if !all[i].matches(a, layer) {
			return false
		}
	}
	return true
}
