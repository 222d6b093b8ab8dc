package rest

import (
	"net/http"
	"strings"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/series"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

// maxSeries is how many services one request asks for at most.
const maxSeries = 200

// recorder is what keeps the series; an error where nothing does.
func (a *API) recorder() (*series.Recorder, error) {
	var kept *series.Recorder
	if a.series != nil {
		kept = a.series()
	}
	if kept == nil {
		return nil, problem.Status(http.StatusServiceUnavailable, "this manager keeps no series")
	}
	return kept, nil
}

// seriesQuery is the range and the step that are asked for.
func (c *call) seriesQuery(bad *badFields) series.Query {
	q := series.Query{From: c.moment(bad, "from"), To: c.moment(bad, "to")}
	if text := c.query.Get("step"); c.query.Has("step") {
		step, err := time.ParseDuration(text)
		if err != nil || step <= 0 {
			bad.add("step", "%.80q is not a duration such as 1s, 10s or 1m", text)
		}
		q.Step = step
	}
	return q
}

func (a *API) serviceSeries(w http.ResponseWriter, c *call) error {
	var bad badFields
	q := c.seriesQuery(&bad)
	if err := bad.err(); err != nil {
		return err
	}
	q.Services = []string{c.service}
	found, err := a.findSeries(c, q)
	if err != nil {
		return err
	}
	if len(found.Series[0].Points) == 0 {
		if err := a.wasThere(c.r.Context(), c.service); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, wire.Series{
		Service: c.service, Step: view.Step(found.Step), From: wire.Time{Time: found.From}, To: wire.Time{Time: found.To},
		Points: view.Points(found.Series[0].Points), Gaps: view.Gaps(found.Gaps),
	})
}

func (a *API) listSeries(w http.ResponseWriter, c *call) error {
	var bad badFields
	q := c.seriesQuery(&bad)
	q.Services = c.names(&bad)
	if err := bad.err(); err != nil {
		return err
	}
	for _, name := range q.Services {
		if err := c.mayKnow(name); err != nil {
			return err
		}
	}
	found, err := a.findSeries(c, q)
	if err != nil {
		return err
	}
	out := wire.SeriesOfMany{
		Step: view.Step(found.Step), From: wire.Time{Time: found.From}, To: wire.Time{Time: found.To},
		Series: make([]wire.ServiceSeries, 0, len(found.Series)), Gaps: view.Gaps(found.Gaps),
	}
	for _, s := range found.Series {
		out.Series = append(out.Series, wire.ServiceSeries{Service: s.Service, Points: view.Points(s.Points)})
	}
	return writeJSON(w, http.StatusOK, out)
}

func (a *API) findSeries(c *call, q series.Query) (series.Answer, error) {
	recorder, err := a.recorder()
	if err != nil {
		return series.Answer{}, err
	}
	found, err := recorder.Many(c.r.Context(), q)
	if len(fleet.FieldsOf(err)) > 0 { // they are the parameters'
		var bad badFields
		_ = bad.addAll("", err)
		err = bad.err()
	}
	return found, err
}

// names are the services that are asked for, each once, in their order.
func (c *call) names(bad *badFields) []string {
	var names []string
	seen := make(map[string]bool)
	for _, value := range c.query["services"] {
		for name := range strings.SplitSeq(value, ",") {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	if len(names) < 1 || len(names) > maxSeries {
		bad.add("services", "there are %d names, and 1 to %d are asked for", len(names), maxSeries)
		return nil
	}
	for _, name := range names {
		var one badFields
		if one.checkService(name); len(one) > 0 {
			bad.add("services", "%s", one[0].Message)
		}
	}
	return names
}
