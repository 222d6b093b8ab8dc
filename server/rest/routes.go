package rest

import (
	"net/http"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
)

// route is one line of the contract's table.
type route struct {
	pattern string
	role    auth.Role
	serve   func(w http.ResponseWriter, c *call) error

	// query are the parameters that it takes; others are refused.
	query []string
	// absent: the service of the path need not be there.
	absent bool
	// open: nobody needs a token.
	open bool
	// guest: the dashboard needs none that shows none.
	guest bool
	// global: it is refused to a token that is for some services only.
	global bool

	// action is what the audit log calls what the route changes, or lists for
	// administrators alone; empty: nobody minds who was refused it.
	action string
	// again answers a request with an Idempotency-Key of which no more is known
	// than that it was carried out; nil: that is not known for long.
	again func(w http.ResponseWriter, c *call, was fleet.Request) error
	// secret: the answer has one, and is not kept for a request that is sent
	// again. Without again an Idempotency-Key is not looked at.
	secret bool
}

const (
	root     = "/api/v2"
	services = root + "/services"
	service  = services + "/{service}"
	tokens   = root + "/tokens"
	alerts   = root + "/alerts"
	silences = root + "/silences"

	receivers = root + "/receivers"
)

func (a *API) routes() []route {
	list := []string{"limit", "cursor"}
	history := []string{"kind", "since", "until", "limit", "cursor"}
	audit := []string{"service", "actor", "action", "since", "until", "limit", "cursor"}
	reason := []string{"reason"}
	span := []string{"from", "to", "step"}
	dry := []string{dryRunParameter}
	return []route{
		{pattern: "GET " + services, role: auth.Viewer, serve: a.listServices, query: append(list, "status", "layer", "q")},
		{pattern: "GET " + service, role: auth.Viewer, serve: a.getService},
		{pattern: "GET " + service + "/instances", role: auth.Viewer, serve: a.listInstances},
		{pattern: "PUT " + service, role: auth.Admin, serve: a.putService, query: reason, absent: true, action: "declare"},
		{pattern: "DELETE " + service, role: auth.Admin, serve: a.deleteService, query: reason, action: "remove"},
		{pattern: "GET " + root + "/state", role: auth.Viewer, serve: a.state, query: []string{"at"}},

		{pattern: "GET " + root + "/series", role: auth.Viewer, serve: a.listSeries, query: append(span, "services")},
		{pattern: "GET " + service + "/series", role: auth.Viewer, serve: a.serviceSeries, query: span, absent: true},

		{pattern: "GET " + root + "/events", role: auth.Viewer, serve: a.listEvents, query: append(history, "service")},
		{pattern: "GET " + service + "/events", role: auth.Viewer, serve: a.listServiceEvents, query: history, absent: true},

		{pattern: "POST " + service + "/health-check", role: auth.Operator, serve: a.checkHealth, action: "health check"},
		{pattern: "POST " + service + "/reset", role: auth.Operator, serve: a.reset, action: "reset", again: a.resetAgain},
		{pattern: "PUT " + service + "/override", role: auth.Operator, serve: a.putOverride, action: "override"},
		{pattern: "DELETE " + service + "/override", role: auth.Operator, serve: a.deleteOverride, query: reason, action: "end override"},

		{pattern: "GET " + service + "/config", role: auth.Viewer, serve: a.getConfig},
		{pattern: "PUT " + service + "/config", role: auth.Admin, serve: a.putConfig, query: dry, action: "config"},
		{pattern: "PATCH " + service + "/config", role: auth.Admin, serve: a.patchConfig, query: dry, action: "config"},
		{pattern: "GET " + service + "/config/versions", role: auth.Viewer, serve: a.listConfigVersions, query: list},
		{
			pattern: "POST " + service + "/config/rollback", role: auth.Admin, serve: a.rollback,
			action: "config", again: a.rollbackAgain,
		},

		{pattern: "POST " + service + "/operations", role: auth.Agent, serve: a.report, action: "report", again: a.reportAgain},

		{pattern: "GET " + alerts, role: auth.Viewer, serve: a.listAlerts, query: append(list, "status", "service", "incident")},
		{pattern: "GET " + alerts + "/{id}", role: auth.Viewer, serve: a.getAlert},
		{
			pattern: "POST " + alerts + "/{id}/acknowledge", role: auth.Operator, serve: a.acknowledge,
			action: "acknowledge", again: a.acknowledgeAgain,
		},
		{
			pattern: "DELETE " + alerts + "/{id}/acknowledge", role: auth.Operator, serve: a.unacknowledge, query: reason,
			action: "end acknowledgement",
		},
		{pattern: "GET " + silences, role: auth.Viewer, serve: a.listSilences, global: true},
		{
			pattern: "POST " + silences, role: auth.Operator, serve: a.createSilence, global: true,
			action: "silence", again: a.createSilenceAgain,
		},
		{pattern: "DELETE " + silences + "/{id}", role: auth.Operator, serve: a.endSilence, query: reason, global: true, action: "end silence"},
		{pattern: "GET " + receivers, role: auth.Viewer, serve: a.listReceivers, global: true},
		{pattern: "POST " + receivers + "/{name}/test", role: auth.Operator, serve: a.testReceiver, global: true, action: "test receiver"},

		{pattern: "GET " + root + "/audit", role: auth.Admin, serve: a.listAudit, query: audit, global: true, action: "list audit log"},
		{pattern: "GET " + tokens, role: auth.Admin, serve: a.listTokens, query: list, global: true, action: "list tokens"},
		{
			pattern: "POST " + tokens, role: auth.Admin, serve: a.createToken, global: true,
			action: "create token", again: a.createTokenAgain, secret: true,
		},
		{
			pattern: "DELETE " + tokens + "/{id}", role: auth.Admin, serve: a.revokeToken, query: reason, global: true,
			action: "revoke token",
		},
		{pattern: "POST " + root + "/ws/tickets", role: auth.Viewer, serve: a.createTicket, action: "create ticket", secret: true},

		// Who has no session yet, or none any more, needs no token for these two.
		{pattern: "POST " + root + "/session", serve: a.openSession, open: true, action: "log in", secret: true},
		{pattern: "DELETE " + root + "/session", serve: a.closeSession, open: true, action: "log out"},
		{pattern: "GET " + root + "/session", role: auth.Viewer, serve: a.getSession, guest: true},
		{pattern: "GET " + root + "/server", role: auth.Viewer, serve: a.getServer, global: true},

		{pattern: "GET " + root + "/openapi.json", serve: a.document, open: true},
	}
}
