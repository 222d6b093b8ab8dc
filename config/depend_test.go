package config_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/degenduel/switchgear"
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

func TestDependencyError_NamesTheFieldsOfOneService(t *testing.T) {
	t.Parallel()
	graph := map[string][]string{
		"a": {"d", "b", "nowhere", "gone"}, "b": {"d", "c"}, "c": {"a"}, "d": nil, "e": {"x"}, "f": {"f"},
	}
	var e *config.DependencyError
	if !errors.As(config.CheckDependencies(graph), &e) {
		t.Fatal("got no error")
	}
	const cycle = "a cycle: a -> b -> c -> a"
	for service, want := range map[string][]switchgear.FieldError{
		"a": {
			{Field: "dependencies[2]", Message: `"nowhere" is declared nowhere`},
			{Field: "dependencies[3]", Message: `"gone" is declared nowhere`},
			{Field: "dependencies[1]", Message: cycle},
		},
		"b": {{Field: "dependencies[1]", Message: cycle}},
		"c": {{Field: "dependencies[0]", Message: cycle}},
		"d": nil,
		"f": {{Field: "dependencies[0]", Message: "a cycle: f -> f"}},
	} {
		if diff := cmp.Diff(want, e.Fields(service, graph[service])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", service, diff)
		}
	}
}

func TestDecodeService_NamesUnknownDependenciesBesideOtherBadFields(t *testing.T) {
	t.Parallel()
	known := func(name string) bool { return name == "b" }
	const in = `{"dependencies":["b","x","me","X"],"layer":"Data"}`
	_, err := config.DecodeService([]byte(in), config.DecodeOptions{Name: "me", Known: known})
	want := []string{
		`layer: "Data" must match [a-z0-9_-]{0,64}`,
		`dependencies[1]: "x" is declared nowhere`,
		`dependencies[2]: a service cannot depend on itself`,
		`dependencies[3]: "X" is no name of a service: it must match [a-z0-9][a-z0-9_.:-]{0,127}`,
	}
	if diff := cmp.Diff(want, fieldsOf(t, err)); diff != "" {
		t.Errorf("bad fields (-want +got):\n%s", diff)
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
