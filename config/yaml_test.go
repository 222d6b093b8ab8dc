package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
)

func TestParse_IsNotSurprisedByYAML(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"yes for a boolean", "config: { enabled: yes }", `config.enabled: "yes" is not true or false`},
		{"off for a boolean", "config: { enabled: off }", `config.enabled: "off" is not true or false`},
		{"no for a nested boolean", "healthCheck: { grpc: { address: h:1, tls: no } }", "healthCheck.grpc.tls: must be true or false, not a string"},
		{"TRUE", "config: { enabled: TRUE }", ""},
		{"no as a word", "layer: no", ""},
		{"octal", "config: { failureThreshold: 010 }", `config.failureThreshold: "010" is not a number that all readers`},
		{"new octal", "config: { failureThreshold: 0o10 }", `config.failureThreshold: "0o10" is not a number`},
		{"hexadecimal", "config: { failureThreshold: 0x10 }", `config.failureThreshold: "0x10" is not a number`},
		{"binary", "config: { failureThreshold: 0b10 }", `config.failureThreshold: "0b10" is not a number`},
		{"underscores", "config: { resetTimeoutMs: 60_000 }", `config.resetTimeoutMs: "60_000" is not a number`},
		{"base 60", "config: { resetTimeoutMs: 1:30 }", `config.resetTimeoutMs: "1:30" is not a number`},
		{"infinity", "config: { backoffMultiplier: .inf }", `config.backoffMultiplier: ".inf" is not a number`},
		{"not a number", "config: { jitter: .nan }", `config.jitter: ".nan" is not a number`},
		{"beyond a float", "config: { jitter: 1e999 }", `config.jitter: "1e999" is not a number`},
		{"plus", "config: { jitter: +1 }", `config.jitter: "+1" is not a number`},
		{"an exponent", "config: { resetTimeoutMs: 6e4 }", ""},
		{"a number for a text", "layer: 12", "layer: must be a string, not a number"},
		{"a quoted number for a text", `layer: "12"`, ""},
		{"a quoted number for a number", `config: { failureThreshold: "3" }`, `config.failureThreshold: "3" is not a whole number`},
		{"a number among the arguments", "healthCheck: { command: { argv: [sleep, 5] } }", "healthCheck.command.argv[1]: must be a string, not a number"},
		{"a date for a text", "description: 2026-11-23", ""},
		{"null for a text", "layer: null", ""},
		{"tag for a text", "layer: !!str 12", ""},
		{"tag for a number", `config: { failureThreshold: !!int "3" }`, ""},
		{"tag that lies", "config: { failureThreshold: !!int three }", `config.failureThreshold: "three" is not a number`},
		{"tag that makes a boolean of yes", "config: { enabled: !!bool yes }", `config.enabled: "yes" is not true or false`},
		{"binary text", "layer: !!binary aGk=", `layer: the tag "!!binary" means nothing here`},
		{"own tag", "layer: !env LAYER", `layer: the tag "!env" means nothing here`},
		{"own tag of a mapping", "config: !env { jitter: 1 }", `config: the tag "!env" means nothing here`},
		{"a text that is called a mapping", "config: !!map jitter", `config: the tag "!!map" means nothing here`},
		{"a mapping that is called nothing", "config: !!null { jitter: 1 }", `config: the tag "!!null" means nothing here`},
		{"a set", "dependencies: !!set { a }", `dependencies: the tag "!!set" means nothing here`},
		{"NUL", `layer: "a\0"`, "layer: has a character that it cannot have"},
		{"a key twice", "layer: a\n    layer: b", "layer: given twice, first on line 3"},
		{"a key twice, once in quotes", "layer: a\n    \"layer\": b", "layer: given twice, first on line 3"},
		{"no key", "? \n    : 1", "a key is missing"},
		{"a list for a key", "? [a]\n    : 1", "a key must be a plain word"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Parse("f", []byte("services:\n  a:\n    "+tc.in+"\n"))
			got := ""
			if err != nil {
				_, got, _ = strings.Cut(err.Error(), ": services.a")
				got = strings.TrimLeft(got, ".: ")
			}
			if tc.want == "" && err != nil || !strings.HasPrefix(got, tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestParse_FollowsAliasesAndMergeKeys(t *testing.T) {
	t.Parallel()
	const in = `
services:
  a: &a
    layer: data
    config: &quick { failureThreshold: 2, resetTimeoutMs: 1000 }
  b: *a
  c:
    <<: *a
    layer: jobs
  d:
    config:
      <<: [{ resetTimeoutMs: 5000 }, *quick]
      failureThreshold: 9
`
	f, err := config.Parse("f", []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for name, s := range f.Services {
		got[name] = fmt.Sprint(s.Layer, " ", s.Config.FailureThreshold, " ", s.Config.ResetTimeout)
	}
	want := map[string]string{"a": "data 2 1s", "b": "data 2 1s", "c": "jobs 2 1s", "d": " 9 5s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
}

func TestParse_RefusesWhatCannotBeMerged(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"services:\n  a:\n    <<: 5\n":                        "f:3: services.a.<<: only a mapping",
		"services:\n  a:\n    <<: [{layer: x}, [5]]\n":        "f:3: services.a.<<: only a mapping",
		"services:\n  a:\n    <<: {layer: x, layer: y}\n":     "f:3: services.a.layer: given twice",
		"services:\n  a:\n    <<: {}\n    <<: {}\n":           "f:4: services.a.<<: given twice",
		"services:\n  a: &a\n    <<: *a\n":                    "f:3: services.a.<<: an alias of what it stands in",
		"services:\n  a: &a\n    config: *a\n":                "f:3: services.a.config: an alias of what it stands in",
		"services: &s\n  a:\n    dependencies: [*s, *s]\n":    "f:3: services.a.dependencies[0]: an alias of what it stands in",
		"services:\n  a:\n    layer: &l x\n    <<: [*l]\n":    "f:4: services.a.<<: only a mapping",
		"services:\n  <<: { a: { layr: x } }\n  b: {}\n":      `f:2: services.a.layr: unknown field, did you mean "layer"?`,
		"x: &x { listen: 5 }\nserver:\n  <<: *x\nlog: {}\n":   "f:1: x: unknown field",
		"services:\n  a:\n    <<: { config: { jitter: 2 }}\n": "f:3: services.a.config.jitter: 2 is not in 0 … 1",
	} {
		_, err := config.Parse("f", []byte(in))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", in, err, want)
		}
	}
}

// TestParse_LaughsAtABillionLaughs holds if it ends: expanded in full, the
// files would have 10^12 nodes.
func TestParse_LaughsAtABillionLaughs(t *testing.T) {
	t.Parallel()
	var lists, merges strings.Builder
	lists.WriteString("x0: &x0 [lol]\n")
	merges.WriteString("y0: &y0 { lol: 1 }\n")
	for i := 1; i <= 12; i++ {
		ten := func(name string) string {
			return strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%s%d,", name, i-1), 10), ",")
		}
		fmt.Fprintf(&lists, "x%d: &x%d [%s]\n", i, i, ten("x"))
		fmt.Fprintf(&merges, "y%d: &y%d { <<: [%s] }\n", i, i, ten("y"))
	}
	long := "services:\n  a:\n    description: &d " + strings.Repeat("x", 1<<20) + "\n    dependencies: [" +
		strings.Repeat("*d,", 100_000) + "]\n"
	for name, in := range map[string]string{"lists": lists.String(), "merges": merges.String(), "a long text": long} {
		_, err := config.Parse("f", []byte(in))
		if err == nil || !strings.Contains(err.Error(), "aliases expand to more than 16 MiB") {
			t.Errorf("%s: got %.300v", name, err)
		}
	}
}
