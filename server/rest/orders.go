package rest

import (
	"net/http"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

func (a *API) checkHealth(w http.ResponseWriter, c *call) error {
	var bad badFields
	if err := c.decodeOptional(w, &bad, &struct{}{}); err != nil {
		return err
	}
	if err := bad.err(); err != nil {
		return err
	}
	answer := unhurried(w)
	h, v, err := a.manager.CheckHealthBy(c.r.Context(), c.service, c.actor(""))
	answer()
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, view.HealthCheckResult(h, &v, wire.NewRequestID(problem.RequestID(c.r.Context()))))
}

// answerTimeout is how long the answer to a request that was unhurried may take.
const answerTimeout = time.Minute

// unhurried lifts the deadlines of a request that has been read: a health check
// may take longer than they allow, and both would end it. It has its own time,
// and ends with its client. answer is for when there is something to say.
func unhurried(w http.ResponseWriter) (answer func()) {
	line := http.NewResponseController(w)
	_ = line.SetReadDeadline(time.Time{}) // where there are no deadlines, there are none to lift
	_ = line.SetWriteDeadline(time.Time{})
	return func() { _ = line.SetWriteDeadline(time.Now().Add(answerTimeout)) }
}

func (a *API) reset(w http.ResponseWriter, c *call) error {
	var bad badFields
	var body wire.ResetRequest
	if err := c.decode(w, &bad, &body, jsonType); err != nil {
		return err
	}
	bad.requireReason(body.Reason)
	to := switchgear.Closed
	switch body.To {
	case "", switchgear.Closed.String():
	case switchgear.HalfOpen.String():
		to = switchgear.HalfOpen
	default:
		bad.add("to", "%.80q is not closed or half_open", body.To)
	}
	if err := bad.err(); err != nil {
		return err
	}
	v, err := a.manager.Reset(c.r.Context(), c.service, to, c.actor(body.Reason))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, view.ResetResult(&v, wire.NewRequestID(problem.RequestID(c.r.Context()))))
}

// maxOverride is how long an override may be: 30 days, as a breaker has it.
const maxOverride = 30 * 24 * time.Hour

func (a *API) putOverride(w http.ResponseWriter, c *call) error {
	var bad badFields
	var body wire.OverrideRequest
	if err := c.decode(w, &bad, &body, jsonType); err != nil {
		return err
	}
	bad.requireReason(body.Reason)
	var mode switchgear.Mode
	switch body.Mode {
	case switchgear.ForcedOpen.String():
		mode = switchgear.ForcedOpen
	case switchgear.ForcedClosed.String():
		mode = switchgear.ForcedClosed
	default:
		bad.add("mode", "%.80q is not forced_open or forced_closed", body.Mode)
	}
	if most := view.Ms(maxOverride); !(body.TTLMs >= 1 && body.TTLMs <= most) {
		bad.add("ttl_ms", "%v is not in 1 … %.0f: an override needs an end", body.TTLMs, most)
	}
	if err := bad.err(); err != nil {
		return err
	}
	ttl := time.Duration(body.TTLMs * float64(time.Millisecond))
	v, err := a.manager.Override(c.r.Context(), c.service, mode, ttl, c.actor(body.Reason))
	if err != nil {
		return err
	}
	return writeEntry(w, http.StatusOK, &v)
}

func (a *API) deleteOverride(w http.ResponseWriter, c *call) error {
	reason, err := c.optionalReason(w)
	if err != nil {
		return err
	}
	v, err := a.manager.EndOverride(c.r.Context(), c.service, c.actor(reason))
	if err != nil {
		return err
	}
	return writeEntry(w, http.StatusOK, &v)
}
