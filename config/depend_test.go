package config_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/degenduel/switchgear/config"
)

func TestCheckDependencies_NamesWhatIsMissingAndEachCycleWithItsPath(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		in   map[string][]string
		want string
	}{
		{"nothing", nil, ""},
		{"a diamond", map[string][]string{"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": nil}, ""},
		{"missing", map[string][]string{"b": {"x", "a"}, "a": {"y"}}, `a depends on "y", which is declared nowhere; b depends on "x", which is declared nowhere`},
		{"itself", map[string][]string{"a": {"a"}}, "dependencies in a cycle: a -> a"},
		{"three", map[string][]string{"c": {"a"}, "b": {"c"}, "a": {"b"}}, "dependencies in a cycle: a -> b -> c -> a"},
		{"the shorter of two", map[string][]string{"a": {"b", "c"}, "b": {"c"}, "c": {"a"}}, "dependencies in a cycle: a -> c -> a"},
		{"two apart", map[string][]string{"x": {"y"}, "y": {"x"}, "m": {"n", "x"}, "n": {"m"}}, "dependencies in a cycle: m -> n -> m; dependencies in a cycle: x -> y -> x"},
		{"off the cycle", map[string][]string{"a": {"b"}, "b": {"c"}, "c": {"b"}}, "dependencies in a cycle: b -> c -> b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := config.CheckDependencies(tc.in); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestCheckDependencies_FindsACycleWhereThereIsOne(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c", "d", "e", "f", "g"}
	rapid.Check(t, func(t *rapid.T) {
		graph := rapid.MapOf(rapid.SampledFrom(names), rapid.SliceOfN(rapid.SampledFrom(names), 0, 4)).Draw(t, "graph")
		reach := make(map[string]bool) // "a b": a comes to b, by Warshall
		for from, to := range graph {
			for _, d := range to {
				reach[from+" "+d] = true
			}
		}
		for _, via := range names {
			for _, from := range names {
				for _, to := range names {
					if reach[from+" "+via] && reach[via+" "+to] {
						reach[from+" "+to] = true
					}
				}
			}
		}
		cyclic := slices.ContainsFunc(names, func(n string) bool { return reach[n+" "+n] })
		var e *config.DependencyError
		errors.As(config.CheckDependencies(graph), &e)
		if found := e != nil && len(e.Cycles) > 0; found != cyclic {
			t.Fatalf("a cycle was found: %v; there is one: %v (%v)", found, cyclic, e)
		}
		if e == nil {
			return
		}
		for _, c := range e.Cycles {
			if c[0] != c[len(c)-1] || c[0] != slices.Min(c) {
				t.Errorf("%v does not begin and end with its first", c)
			}
			for i := range c[1:] {
				if !slices.Contains(graph[c[i]], c[i+1]) {
					t.Errorf("%v: there is no way from %s to %s", c, c[i], c[i+1])
				}
			}
		}
		again := config.CheckDependencies(graph)
		if diff := cmp.Diff(e.Error(), again.Error()); diff != "" {
			t.Errorf("the second time it says something else (-first +second):\n%s", diff)
		}
	})
}

func TestCheckDependencies_CanTakeALongChain(t *testing.T) {
	t.Parallel()
	const n = 20_000
	graph := make(map[string][]string, n)
	for i := range n {
		graph[fmt.Sprintf("s%05d", i)] = []string{fmt.Sprintf("s%05d", (i+1)%n)}
	}
	var e *config.DependencyError
	if !errors.As(config.CheckDependencies(graph), &e) || len(e.Cycles) != 1 || len(e.Cycles[0]) != n+1 {
		t.Error("the one long cycle was not found")
	}
}
