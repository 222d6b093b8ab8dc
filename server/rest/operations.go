package rest

import (
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

const (
	maxOutcomes    = 1000
	maxOperationMs = 86_400_000
	maxErrorText   = 512 // bytes; the rest is cut off
)

func (a *API) report(w http.ResponseWriter, c *call) error {
	var bad badFields
	var body wire.OperationsRequest
	if err := c.decode(w, &bad, &body, jsonType); err != nil {
		return err
	}
	outcomes := readOutcomes(&bad, body.Outcomes)
	if err := bad.err(); err != nil {
		return err
	}
	advice, err := a.manager.ReportOnce(c.r.Context(), c.service, outcomes, c.request)
	if err != nil {
		return err
	}
	return writeAdvice(w, c.service, advice)
}

func writeAdvice(w http.ResponseWriter, service string, advice fleet.Advice) error {
	wait := (advice.RetryAfter + time.Millisecond - 1) / time.Millisecond // whoever waits so long does not come too early
	return writeJSON(w, http.StatusOK, wire.Report{
		Service: service, State: advice.State.String(), Admit: advice.Admit, RetryAfterMs: int64(wait),
	})
}

func readOutcomes(bad *badFields, list []wire.OperationOutcome) []fleet.Outcome {
	switch {
	case list == nil:
		bad.add("outcomes", "it is required; an empty list is a question")
	case len(list) > maxOutcomes:
		bad.add("outcomes", "%d are more than %d", len(list), maxOutcomes)
		return nil
	}
	outcomes := make([]fleet.Outcome, len(list))
	for i, o := range list {
		field := fmt.Sprintf("outcomes[%d].", i)
		var outcome switchgear.Outcome
		if outcome.UnmarshalText([]byte(o.Outcome)) != nil {
			bad.add(field+"outcome", "%.80q is not success, failure or ignored", o.Outcome)
		}
		if o.DurationMs < 0 || o.DurationMs > maxOperationMs {
			bad.add(field+"duration_ms", "%v is not in 0 … %d", o.DurationMs, maxOperationMs)
		}
		outcomes[i] = fleet.Outcome{
			Outcome: outcome, Duration: time.Duration(o.DurationMs * float64(time.Millisecond)), Error: cut(o.Error),
		}
	}
	return outcomes
}

// cut is the text without what is beyond its limit, at the edge of a
// character.
func cut(text string) string {
	if len(text) <= maxErrorText {
		return text
	}
	end := maxErrorText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
