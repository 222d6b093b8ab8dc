package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// query is a PromQL expression, and where it stands.
type query struct{ place, expr string }

// dashboard is what the tests look at in deploy/grafana/switchgear.json.
type dashboard struct {
	Panels []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Expr, LegendFormat string }
	}
	Templating struct {
		List []struct {
			Name  string
			Type  string
			Query json.RawMessage
		}
	}
	Annotations struct {
		List []struct{ Name, Expr string }
	}
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, "grafana/switchgear.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// queries are all of a dashboard, with its variables filled in as for everything.
func (d *dashboard) queries(t *testing.T) (all []query) {
	t.Helper()
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, query{"panel " + p.Title, target.Expr})
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, query{"annotation " + a.Name, a.Expr})
	}
	fill := []string{"$__rate_interval", "5m"}
	for _, v := range d.Templating.List {
		fill = append(fill, "$"+v.Name, ".+")
		if v.Type != "query" {
			continue
		}
		var q struct{ Query string }
		if err := json.Unmarshal(v.Query, &q); err != nil {
			t.Fatal(err)
		}
		m := labelValues.FindStringSubmatch(q.Query)
		if m == nil {
			t.Errorf("variable %s: %q is not understood", v.Name, q.Query)
			continue
		}
		all = append(all, query{"variable " + v.Name, fmt.Sprintf("count by (%s) (%s)", m[2], m[1])})
	}
	filled := strings.NewReplacer(fill...)
	for i := range all {
		if all[i].expr = filled.Replace(all[i].expr); all[i].expr == "" || strings.Contains(all[i].expr, "$") {
			t.Errorf("%s asks %q", all[i].place, all[i].expr)
		}
	}
	return all
}

func TestDashboard_PanelsHaveNamesAndDoNotOverlap(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	ids, taken := make(map[int]bool), make(map[[2]int]string)
	for _, p := range d.Panels {
		if p.Title == "" || ids[p.ID] || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d %q: no title, or no query, or its ID twice", p.ID, p.Title)
		}
		ids[p.ID] = true
		g := p.GridPos
		if g.X < 0 || g.W < 1 || g.X+g.W > 24 {
			t.Errorf("%s is off the grid: %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s lies over %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

func TestDashboard_ItsQueriesAreUnderstood(t *testing.T) {
	t.Parallel()
	promtool, ok := program(t, "promtool", "prometheus")
	if !ok {
		return
	}
	d := readDashboard(t)
	type rule struct {
		Record string            `yaml:"record"`
		Expr   string            `yaml:"expr"`
		Labels map[string]string `yaml:"labels"`
	}
	var rules []rule
	for i, q := range d.queries(t) {
		rules = append(rules, rule{fmt.Sprintf("test:query_%d", i), q.expr, map[string]string{"place": q.place}})
	}
	file, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "dashboard.yml"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, promtool, "check", "rules", "dashboard.yml")
}

var (
	metricName = regexp.MustCompile(`\b((?:switchgear|process|go)_\w+|scrape_duration_seconds|up|ALERTS)\b(\{[^}]*\})?`)
	matcher    = regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)"[^"]*"`)
	grouping   = regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`)
	legend     = regexp.MustCompile(`\{\{(\w+)\}\}`)
	recorded   = regexp.MustCompile(`\b\w+:\w+:\w+`)
)

// ofPrometheus are the labels of metrics that Prometheus makes by itself.
var ofPrometheus = map[string][]string{
	"up": {"job", "instance"}, "scrape_duration_seconds": {"job", "instance"}, "ALERTS": {"alertname", "alertstate"},
}

// check fails for each metric of an expression, and each label, that is nowhere.
func (q query) check(t *testing.T, known map[string]map[string]bool) (labels map[string]bool) {
	t.Helper()
	labels = make(map[string]bool)
	found := false
	for _, m := range metricName.FindAllStringSubmatch(recorded.ReplaceAllString(q.expr, "x"), -1) {
		found = true
		of := known[m[1]]
		if own := ofPrometheus[m[1]]; own != nil {
			of = make(map[string]bool)
			for _, l := range own {
				of[l] = true
			}
		}
		if of == nil {
			t.Errorf("%s: there is no metric %s", q.place, m[1])
			continue
		}
		for l := range of {
			labels[l] = true
		}
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			if !of[l[1]] {
				t.Errorf("%s: %s has no label %s", q.place, m[1], l[1])
			}
		}
	}
	if !found && !recorded.MatchString(q.expr) {
		t.Errorf("%s: no metric was found in %q", q.place, q.expr)
	}
	if recorded.MatchString(q.expr) {
		return labels // what was recorded has labels of its own
	}
	for _, g := range grouping.FindAllStringSubmatch(q.expr, -1) {
		for l := range strings.FieldsFuncSeq(g[1], func(r rune) bool { return r == ',' || r == ' ' }) {
			if !labels[l] {
				t.Errorf("%s: none of its metrics has the label %s", q.place, l)
			}
		}
	}
	return labels
}

func TestDashboard_AsksForWhatIsThere(t *testing.T) {
	t.Parallel()
	known := shown(t)
	d := readDashboard(t)
	asked := make(map[string]bool)
	for _, q := range d.queries(t) {
		q.check(t, known)
		for _, m := range metricName.FindAllStringSubmatch(q.expr, -1) {
			asked[m[1]] = true
		}
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			labels := query{"legend of " + p.Title, target.Expr}.check(t, known)
			for _, m := range legend.FindAllStringSubmatch(target.LegendFormat, -1) {
				if !labels[m[1]] {
					t.Errorf("the legend of %s has no label %s", p.Title, m[1])
				}
			}
		}
	}
	for name := range known { // and all of ours is shown somewhere
		base := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			base = strings.TrimSuffix(base, suffix)
		}
		if strings.HasPrefix(name, "switchgear_") && !asked[name] && !asked[base] && !asked[base+"_bucket"] {
			t.Errorf("no panel asks for %s", name)
		}
	}
}

func TestRules_AskForWhatIsThere(t *testing.T) {
	t.Parallel()
	known := shown(t)
	var file struct {
		Groups []struct {
			Rules []struct{ Record, Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "prometheus/rules.yml")), &file); err != nil {
		t.Fatal(err)
	}
	var records []string
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			records = append(records, r.Record)
			query{r.Record + r.Alert, r.Expr}.check(t, known)
			for _, name := range recorded.FindAllString(r.Expr, -1) {
				if !slices.Contains(records, name) {
					t.Errorf("%s asks for %s, which was not recorded before", r.Alert, name)
				}
			}
		}
	}
}

var documented = regexp.MustCompile("`([a-z_]+)`")

func TestOperations_NamesEveryMetricAndNoOther(t *testing.T) {
	t.Parallel()
	known := shown(t)
	_, section, ok := strings.Cut(read(t, "../docs/operations.md"), "| metric `switchgear_…` |")
	if !ok {
		t.Fatal("there is no table of metrics")
	}
	section, _, _ = strings.Cut(section, "\n\n")
	named := make(map[string]bool)
	for row := range strings.Lines(section) {
		cells := strings.Split(row, "|")
		if len(cells) < 4 {
			continue
		}
		for _, m := range documented.FindAllStringSubmatch(cells[1], -1) {
			named["switchgear_"+m[1]] = true
		}
	}
	for name := range named {
		if known[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
	for name := range known {
		if base, of := strings.CutSuffix(name, "_bucket"); of {
			for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
				named[base+suffix] = named[base]
			}
		}
	}
	for name := range known {
		if strings.HasPrefix(name, "switchgear_") && !named[name] {
			t.Errorf("%s is not in the table", name)
		}
	}
}
