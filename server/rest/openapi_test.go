package rest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// told is what the document must say of a route.
type told struct {
	Role          string
	Open, Limited bool
	Query         []string
	IfMatch, Key  bool
}

func TestDocument_HasTheRoutesThatThereAreAndNoOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	conditional := []string{"putService", "putConfig", "patchConfig", "rollback"}
	want, got := make(map[string]told), make(map[string]told)
	for _, rt := range b.api.routes() {
		says := told{Role: "none", Open: rt.open, Limited: rt.global, Query: slices.Sorted(slices.Values(rt.query))}
		if !rt.open {
			says.Role = rt.role.String()
		}
		method, path, _ := strings.Cut(rt.pattern, " ")
		says.Key = method == "POST" && (!rt.secret || rt.again != nil)
		says.IfMatch = strings.HasSuffix(path, "/config") && method != "GET" || strings.HasSuffix(path, "/rollback") || rt.pattern == "PUT "+service
		want[rt.pattern] = says
	}
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range doc.Operations() {
		if !strings.HasPrefix(o.Path, root+"/") || o.Path == root+"/ws/circuit-breaker" || o.Path == root+"/ws/agent" {
			continue // of the whole server
		}
		got[o.Method+" "+o.Path] = told{
			Role: o.Role, Open: o.Open, Limited: o.Limited, Query: slices.Sorted(slices.Values(o.Query)),
			IfMatch: slices.Contains(o.Headers, "If-Match"), Key: slices.Contains(o.Headers, keyHeader),
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-routes +document)\n%s", diff)
	}
	if len(conditional) != len(slices.Collect(maps.Keys(onlyConditional(got)))) {
		t.Errorf("%v take If-Match, want %v", slices.Sorted(maps.Keys(onlyConditional(got))), conditional)
	}
}

func onlyConditional(all map[string]told) map[string]told {
	some := maps.Clone(all)
	maps.DeleteFunc(some, func(_ string, v told) bool { return !v.IfMatch })
	return some
}

func TestDocument_IsForEverybody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	got := b.as("", "GET", "/api/v2/openapi.json", "")
	if got.status != 200 || got.header.Get("Content-Type") != "application/json" || got.body["openapi"] != "3.1.0" {
		t.Errorf("%d %v %.200s", got.status, got.header, got.raw)
	}
	if head := b.as("", "HEAD", "/api/v2/openapi.json", ""); head.status != 200 {
		t.Errorf("HEAD: %d", head.status)
	}
}
