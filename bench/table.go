package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// table is what a run has measured.
type table struct {
	rows     []row
	loads    []load
	rounds   int
	allocate []string // those of ours that do
}

type row struct {
	subject

	times  [][]float64 // nanoseconds a call, by load, sorted
	allocs int64
	bytes  int64
}

// measureAll goes through all subjects and loads, again and again, so that what
// disturbs the machine for a while disturbs all of them alike.
func measureAll(subjects []subject, rounds int) (*table, error) {
	t := &table{loads: loads(), rounds: rounds}
	for _, s := range subjects {
		t.rows = append(t.rows, row{subject: s, times: make([][]float64, len(t.loads))})
	}
	for n := range rounds {
		for i := range t.rows {
			r := &t.rows[i]
			for j, l := range t.loads {
				m, err := measure(r.subject, l)
				if err != nil {
					return nil, err
				}
				r.times[j] = append(r.times[j], float64(m.T.Nanoseconds())/float64(m.N))
				r.allocs = max(r.allocs, m.AllocsPerOp())
				r.bytes = max(r.bytes, m.AllocedBytesPerOp())
			}
		}
		fmt.Fprintf(os.Stderr, "\rround %d of %d", n+1, rounds)
	}
	fmt.Fprintln(os.Stderr)
	for i := range t.rows {
		r := &t.rows[i]
		for _, times := range r.times {
			slices.Sort(times)
		}
		if r.ours && r.allocs > 0 {
			t.allocate = append(t.allocate, r.name)
		}
	}
	return t, nil
}

func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// spread is the half of the results that is in the middle, around the median.
func spread(sorted []float64) string {
	n := len(sorted)
	return digits(sorted[n/4]) + "–" + digits(sorted[n-1-n/4])
}

func digits(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

func (t *table) markdown() string {
	var w strings.Builder
	fmt.Fprintf(&w, "Nanoseconds a call: the median of %d rounds, and in brackets the least and the middle half.\n", t.rounds)
	fmt.Fprintf(&w, "%s.\n\n", machine())
	section := ""
	for _, r := range t.rows {
		if r.group != section {
			section = r.group
			fmt.Fprintf(&w, "\n### %s\n\n| |", section)
			for _, l := range t.loads {
				fmt.Fprintf(&w, " %s |", l.name)
			}
			fmt.Fprint(&w, " allocations |\n|---|")
			fmt.Fprint(&w, strings.Repeat("---|", len(t.loads)+1), "\n")
		}
		name := r.name
		if r.ours {
			name = "**" + name + "**"
		}
		fmt.Fprintf(&w, "| %s |", name)
		for _, times := range r.times {
			fmt.Fprintf(&w, " %s (%s; %s) |", digits(median(times)), digits(times[0]), spread(times))
		}
		fmt.Fprintf(&w, " %d (%d B) |\n", r.allocs, r.bytes)
	}
	w.WriteString(t.ratios())
	w.WriteString(versions())
	return w.String()
}

// ratios compares ours with the fastest peer that does the same.
func (t *table) ratios() string {
	var w strings.Builder
	fmt.Fprint(&w, "\n### Times as fast as the fastest peer with a rolling time window\n\n| ours | serial | par | par16 | the peer |\n|---|---|---|---|---|\n")
	for _, r := range t.rows {
		if !r.ours || r.beside == "" {
			continue
		}
		fmt.Fprintf(&w, "| %s |", r.name)
		var who []string
		for j := range t.loads {
			best, name := 0.0, ""
			for _, p := range t.rows {
				if m := median(p.times[j]); !p.ours && p.beside == r.beside && (name == "" || m < best) {
					best, name = m, p.name
				}
			}
			if name == "" {
				return "" // not all were chosen
			}
			who = append(who, name)
			fmt.Fprintf(&w, " %.1f |", best/median(r.times[j]))
		}
		fmt.Fprintf(&w, " %s |\n", strings.Join(slices.Compact(who), "; "))
	}
	return w.String()
}

func machine() string {
	model := "an unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d of its cores, %s/%s, %s, GOMAXPROCS %d",
		model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), runtime.GOMAXPROCS(0))
}

func versions() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var w strings.Builder
	fmt.Fprint(&w, "\n### Versions\n\n")
	for _, peer := range modules {
		for _, m := range info.Deps {
			if m.Path == peer {
				fmt.Fprintf(&w, "- %s %s\n", m.Path, m.Version)
			}
		}
	}
	return w.String()
}

const (
	begin = "<!-- breaker:begin -->"
	end   = "<!-- breaker:end -->"
)

// write puts the text between the marks in the file.
func (t *table) write(file, text string) error {
	old, err := os.ReadFile(file) //nolint:gosec // the one that the command names
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	before, rest, found := strings.Cut(string(old), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		before, after = string(old), "\n"
	}
	return os.WriteFile(file, []byte(before+begin+"\n"+text+end+after), 0o644) //nolint:gosec // for everybody to read
}
