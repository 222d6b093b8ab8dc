package rest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

func (a *API) getConfig(w http.ResponseWriter, c *call) error {
	v, err := a.manager.ServiceConfig(c.r.Context(), c.service)
	if err != nil {
		return err
	}
	return writeConfig(w, &v)
}

func writeConfig(w http.ResponseWriter, v *fleet.ConfigView) error {
	w.Header().Set("ETag", strconv.Quote(strconv.Itoa(v.Version)))
	return writeJSON(w, http.StatusOK, view.Config(v))
}

// edit makes the JSON of a config of that of the one in force.
type edit func(current json.RawMessage) (json.RawMessage, error)

func (a *API) putConfig(w http.ResponseWriter, c *call) error {
	return a.changeConfig(w, c, []string{jsonType}, switchgear.Config.Replace, func(sent json.RawMessage) edit {
		return func(json.RawMessage) (json.RawMessage, error) { return sent, nil }
	})
}

func (a *API) patchConfig(w http.ResponseWriter, c *call) error {
	return a.changeConfig(w, c, []string{jsonType, patchType}, switchgear.Config.Merge, func(sent json.RawMessage) edit {
		return func(current json.RawMessage) (json.RawMessage, error) { return mergePatch(current, sent) }
	})
}

// changeConfig puts in force what was sent. try says what is wrong with that,
// so that it is told together with what else is wrong with the request.
func (a *API) changeConfig(
	w http.ResponseWriter, c *call, types []string,
	try func(switchgear.Config, []byte) (switchgear.Config, error), editOf func(sent json.RawMessage) edit,
) error {
	version, err := a.ifMatch(c, true)
	if err != nil {
		return err
	}
	var bad badFields
	c.checkDryRun(&bad)
	var body wire.ConfigRequest
	if err := c.decode(w, &bad, &body, types...); err != nil {
		return err
	}
	bad.requireReason(body.Reason)
	v, err := a.manager.Service(c.service)
	if err != nil {
		return err
	}
	switch {
	case body.Config == nil:
		bad.add("config", "it is required")
	case !isObject(body.Config):
		bad.add("config", "it must be an object")
	default:
		_, err = try(v.Config, body.Config)
		err = bad.addAll("config", err)
	}
	if err == nil {
		err = bad.err()
	}
	if err != nil {
		return err
	}
	if c.dryRun() {
		next, err := a.manager.TryConfig(c.r.Context(), c.service, version, editOf(body.Config), c.actor(body.Reason))
		if err != nil {
			return below("config", err)
		}
		return writeJSON(w, http.StatusOK, view.Config(&next)) // without an ETag: it is not there
	}
	next, err := a.manager.SetConfig(c.r.Context(), c.service, version, editOf(body.Config), c.actor(body.Reason))
	if err != nil {
		return below("config", err)
	}
	return writeConfig(w, &next)
}

const dryRunParameter = "dry_run"

// dryRun reports whether only the answer is wanted.
func (c *call) dryRun() bool { return c.query.Get(dryRunParameter) == "true" }

func (c *call) checkDryRun(bad *badFields) {
	if v := c.query.Get(dryRunParameter); c.query.Has(dryRunParameter) && v != "true" && v != "false" {
		bad.add(dryRunParameter, "%.80q is not true or false", v)
	}
}

// below is err with the bad fields that it names below a path.
func below(path string, err error) error {
	var bad badFields
	if err := bad.addAll(path, err); err != nil {
		return err
	}
	return bad.err()
}

// ifMatch is the version that the request was made for, by its If-Match.
func (a *API) ifMatch(c *call, required bool) (int, error) {
	header := strings.Join(c.r.Header.Values("If-Match"), ",")
	switch strings.TrimSpace(header) {
	case "":
		if required {
			return 0, problem.Status(http.StatusPreconditionRequired,
				"If-Match is required: the ETag of the config that was seen, or * for any")
		}
		return fleet.AnyVersion, nil
	case "*":
		return fleet.AnyVersion, nil
	}
	v, err := a.manager.Service(c.service)
	if err != nil {
		return 0, err
	}
	// It is told again, when it counts, whether the version is in force still.
	want := strconv.Quote(strconv.Itoa(v.ConfigVersion))
	for tag := range strings.SplitSeq(header, ",") {
		if strings.TrimSpace(tag) == want {
			return v.ConfigVersion, nil
		}
	}
	return 0, problem.Status(http.StatusPreconditionFailed, "version %d is in force; If-Match does not have its ETag %s", v.ConfigVersion, want)
}

// mergePatch puts a merge patch (RFC 7396) over a config. Nothing in a config
// is an object, so one level is enough.
func mergePatch(doc, patch json.RawMessage) (json.RawMessage, error) {
	var fields, changes map[string]json.RawMessage
	if err := json.Unmarshal(doc, &fields); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(patch, &changes); err != nil {
		return nil, err
	}
	for name, value := range changes {
		if string(value) == "null" {
			delete(fields, name)
		} else {
			fields[name] = value
		}
	}
	return json.Marshal(fields)
}

func (a *API) listConfigVersions(w http.ResponseWriter, c *call) error {
	var bad badFields
	before, limit := c.afterID(&bad, versionsList), c.limit(&bad)
	if err := bad.err(); err != nil {
		return err
	}
	versions, err := a.manager.ConfigVersions(c.r.Context(), c.service, int(before), limit)
	if err != nil {
		return err
	}
	page := wire.ConfigVersions{Versions: []wire.ConfigVersion{}}
	for i := range versions {
		page.Versions = append(page.Versions, view.ConfigVersion(&versions[i]))
	}
	if n := len(versions); n == limit && versions[n-1].Version > 1 { // they are numbered without gaps
		page.NextCursor = versionsList.cursor(strconv.Itoa(versions[n-1].Version))
	}
	return writeJSON(w, http.StatusOK, page)
}

func (a *API) rollback(w http.ResponseWriter, c *call) error {
	version, err := a.ifMatch(c, false)
	if err != nil {
		return err
	}
	var bad badFields
	var body wire.RollbackRequest
	if err := c.decode(w, &bad, &body, jsonType); err != nil {
		return err
	}
	if body.Version < 1 {
		bad.add("version", "%d is no version: they count from 1", body.Version)
	}
	bad.checkReason(body.Reason)
	if err := bad.err(); err != nil {
		return err
	}
	v, err := a.manager.Rollback(c.r.Context(), c.service, version, body.Version, c.actor(body.Reason))
	if err != nil {
		return err
	}
	return writeConfig(w, &v)
}

// rollbackAgain answers with the version that the rollback made.
func (a *API) rollbackAgain(w http.ResponseWriter, c *call, was fleet.Request) error {
	now, err := a.manager.ServiceConfig(c.r.Context(), c.service)
	if err != nil {
		return err
	}
	version, err := strconv.Atoi(was.Subject)
	if err != nil { // it made none: what was asked for was in force
		return writeConfig(w, &now)
	}
	if now.Version != version {
		made, err := a.manager.ConfigVersions(c.r.Context(), c.service, version+1, 1)
		if err != nil {
			return err
		}
		if len(made) == 0 || made[0].Version != version {
			return problem.Status(http.StatusConflict, "this request has made version %d already, which is there no more", version)
		}
		now = fleet.ConfigView{ConfigVersion: made[0]} // the lint is about what is in force
	}
	return writeConfig(w, &now)
}
