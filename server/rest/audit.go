package rest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

// matter are the refusals that the audit log has.
var matter = []int{
	http.StatusForbidden, http.StatusConflict, http.StatusPreconditionFailed,
	http.StatusPreconditionRequired, http.StatusTooManyRequests,
}

// noteRefusal puts into the audit log that somebody who is known was refused
// what has an action.
func (a *API) noteRefusal(rt route, c *call, err error) {
	status, text := problem.Describe(err)
	if rt.action == "" || c.id.TokenID == "" || !slices.Contains(matter, status) {
		return
	}
	if c.dryRun() && status != http.StatusForbidden {
		return
	}
	if id := c.r.PathValue("id"); id != "" {
		text = fmt.Sprintf("%s: of %.64q", text, id)
	}
	service := c.service
	if !switchgear.ValidName(service) {
		service = ""
	}
	a.manager.Refused(c.actor(c.reason).Entry(rt.action, service, fmt.Sprintf("refused: %d %s", status, text)))
}

func (a *API) listAudit(w http.ResponseWriter, c *call) error {
	var bad badFields
	q := fleet.AuditQuery{
		Service: c.query.Get("service"), Actor: c.query.Get("actor"), Action: c.query.Get("action"),
		Since: c.moment(&bad, "since"), Until: c.moment(&bad, "until"), Before: c.afterID(&bad, auditList), Limit: c.limit(&bad),
	}
	if c.query.Has("service") {
		bad.checkService(q.Service)
	}
	for _, name := range []string{"actor", "action"} {
		if c.query.Has(name) && c.query.Get(name) == "" {
			bad.add(name, "it is empty")
		}
	}
	if err := bad.err(); err != nil {
		return err
	}
	entries, err := a.manager.Audit(c.r.Context(), q)
	if err != nil {
		return err
	}
	page := wire.Audit{Audit: []wire.AuditEntry{}}
	for i := range entries {
		page.Audit = append(page.Audit, view.AuditEntry(&entries[i]))
	}
	if len(entries) == q.Limit {
		// Asked apart, as with events.
		last := entries[len(entries)-1].ID
		q.Before, q.Limit = last, 1
		more, err := a.manager.Audit(c.r.Context(), q)
		if err != nil {
			return err
		}
		if len(more) > 0 {
			page.NextCursor = auditList.cursor(strconv.FormatInt(last, 10))
		}
	}
	return writeJSON(w, http.StatusOK, page)
}
