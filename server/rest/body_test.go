package rest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// withBody is a route that takes a body.
type withBody struct{ method, path, good string }

// at is the path, which is of a service if it does not say all.
func (b withBody) at() string {
	if strings.HasPrefix(b.path, root) {
		return b.path
	}
	return services + "/market" + b.path
}

// optional reports whether there need be no body.
func (b withBody) optional() bool {
	return b.method == "DELETE" || b.path == "/health-check" || b.path == root+"/ws/tickets"
}

// withBodies are the routes that take a body, with one that is good.
var withBodies = []withBody{
	{"PUT", "", `{}`},
	{"POST", "/reset", `{"reason":"x"}`},
	{"PUT", "/override", `{"mode":"forced_closed","reason":"x","ttl_ms":60000}`},
	{"DELETE", "/override", `{"reason":"x"}`},
	{"POST", "/health-check", `{}`},
	{"PUT", "/config", `{"config":{},"reason":"x"}`},
	{"PATCH", "/config", `{"config":{},"reason":"x"}`},
	{"POST", "/config/rollback", `{"version":1}`},
	{"POST", "/operations", `{"outcomes":[]}`},
	{"DELETE", "", `{"reason":"x"}`},
	{"POST", root + "/tokens", `{"name":"x","role":"viewer"}`},
	{"DELETE", root + "/tokens/x", `{"reason":"x"}`},
	{"POST", root + "/ws/tickets", `{}`},
}

func TestBodies_HostileOnesChangeNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	b.admin(200, "PUT", "/api/v2/services/market/override", withBodies[2].good)
	before := b.admin(200, "GET", "/api/v2/services/market", "").raw
	hostile := map[string]func(good string) string{
		"no JSON":           func(string) string { return "reason=x" },
		"half of it":        func(good string) string { return good[:len(good)-1] },
		"two documents":     func(good string) string { return good + good },
		"trailing bytes":    func(good string) string { return good + "x" },
		"a list":            func(good string) string { return "[" + good + "]" },
		"a string":          func(string) string { return `"market"` },
		"null":              func(string) string { return "null" },
		"white space":       func(string) string { return "  " },
		"byte order mark":   func(good string) string { return "\xef\xbb\xbf" + good },
		"broken UTF-8":      func(string) string { return "{\"reason\":\"\xff\xfe\"}" },
		"half a surrogate":  func(string) string { return `{"reason":"\ud800"}` },
		"NUL":               func(string) string { return `{"reason":"a\u0000b"}` },
		"duplicate key":     func(string) string { return `{"reason":"a","reason":"b"}` },
		"disguised twin":    func(string) string { return `{"reason":"a","re\u0061son":"b"}` },
		"other case":        func(string) string { return `{"REASON":"a"}` },
		"unknown field":     func(string) string { return `{"is_admin":true}` },
		"prototype":         func(string) string { return `{"__proto__":{"role":"admin"}}` },
		"deep":              func(string) string { return strings.Repeat(`{"config":`, 40) + "1" + strings.Repeat("}", 40) },
		"very deep":         func(string) string { return strings.Repeat("[", 100_000) },
		"a number too big":  func(string) string { return `{"version":1e999,"ttl_ms":1e999,"outcomes":1e999,"layer":1e999}` },
		"NaN":               func(string) string { return `{"ttl_ms":NaN}` },
		"a thousand fields": func(string) string { return `{"a":1` + strings.Repeat(`,"b":1`, 1000) + "}" },
	}
	for name, spoil := range hostile {
		for _, rt := range withBodies {
			got := b.as("admin", rt.method, rt.at(), spoil(rt.good), "If-Match", "*")
			if got.status != 400 {
				t.Errorf("%s: %s %s: %d %.200s", name, rt.method, rt.path, got.status, got.raw)
			}
		}
	}
	if after := b.admin(200, "GET", "/api/v2/services/market", "").raw; after != before {
		t.Errorf("something has changed:\n%s%s", before, after)
	}
}

func TestBodies_MustBeThereWhereTheySaySomething(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	for _, rt := range withBodies {
		if rt.optional() {
			continue
		}
		if got := b.as("admin", rt.method, rt.at(), "", "If-Match", "*"); got.status != 400 {
			t.Errorf("%s %s: %d %s", rt.method, rt.path, got.status, got.raw)
		}
	}
}

func TestBodies_HaveTheMediaTypesOfTheContract(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := io.WriteString(z, `{"outcomes":[]}`); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path, method, body, contentType, coding string
		status                                        int
	}{
		{"JSON", "operations", "POST", `{"outcomes":[]}`, "application/json", "", 200},
		{"with a charset", "operations", "POST", `{"outcomes":[]}`, "application/json; charset=utf-8", "", 200},
		{"not said", "operations", "POST", `{"outcomes":[]}`, "", "", 200},
		{"identity", "operations", "POST", `{"outcomes":[]}`, "application/json", "identity", 200},
		{"another charset", "operations", "POST", `{"outcomes":[]}`, "application/json; charset=latin1", "", 415},
		{"what curl says unasked", "operations", "POST", `{"outcomes":[]}`, "application/x-www-form-urlencoded", "", 200},
		{"text", "operations", "POST", `{"outcomes":[]}`, "text/plain", "", 415},
		{"nonsense", "operations", "POST", `{"outcomes":[]}`, ";;", "", 415},
		{"gzip", "operations", "POST", zipped.String(), "application/json", "gzip", 415},
		{"deflate", "operations", "POST", "x", "", "deflate", 415},
		{"two codings", "operations", "POST", `{"outcomes":[]}`, "", "identity, gzip", 415},
		{"gzip where a body may be missing", "health-check", "POST", zipped.String(), "application/json", "gzip", 415},
		{"merge patch", "config", "PATCH", `{"config":{},"reason":"x"}`, "application/merge-patch+json", "", 200},
		{"JSON patch", "config", "PATCH", `[]`, "application/json-patch+json", "", 415},
		{"merge patch for a PUT", "config", "PUT", `{"config":{},"reason":"x"}`, "application/merge-patch+json", "", 415},
	}
	for _, tt := range tests {
		headers := []string{"Content-Type", tt.contentType, "If-Match", "*"}
		if tt.coding != "" {
			headers = append(headers, "Content-Encoding", tt.coding)
		}
		if got := b.as("admin", tt.method, "/api/v2/services/market/"+tt.path, tt.body, headers...); got.status != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.name, got.status, got.raw, tt.status)
		}
	}
}

func TestBodies_WithAContentEncodingAreNotRead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	for _, rt := range withBodies {
		for _, codings := range [][]string{{"gzip"}, {"identity", "gzip"}, {"br, identity"}} {
			r := httptest.NewRequest(rt.method, rt.at(), strings.NewReader(rt.good))
			r.Header.Set("Authorization", "Bearer "+secrets["admin"])
			r.Header.Set("If-Match", "*")
			r.Header["Content-Encoding"] = codings
			w := httptest.NewRecorder()
			b.api.ServeHTTP(w, r)
			if w.Code != 415 {
				t.Errorf("%s %s with %v: %d %s", rt.method, rt.path, codings, w.Code, w.Body)
			}
		}
	}
}

func TestReasons_MayBeAsLongInTheQueryAsInTheBody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("a", "b")
	reason := strings.Repeat("r", 1024)
	b.admin(204, "DELETE", "/api/v2/services/a?reason="+reason, "")
	b.admin(204, "DELETE", "/api/v2/services/b", `{"reason":"`+reason+`"}`)
	b.admin(400, "PUT", "/api/v2/services/c?reason="+reason+"r", "{}")
}

func TestBodies_AreReadToALimit(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	for _, rt := range withBodies {
		space := strings.Repeat(" ", maxBody)
		path := rt.at()
		if got := b.as("admin", rt.method, path, rt.good+space, "If-Match", "*"); got.status != 413 {
			t.Errorf("%s %s: %d %.200s", rt.method, rt.path, got.status, got.raw)
		}
		// The length is not said before.
		r := httptest.NewRequest(rt.method, path, io.MultiReader(strings.NewReader(rt.good), strings.NewReader(space)))
		r.Header.Set("Authorization", "Bearer "+secrets["admin"])
		r.Header.Set("If-Match", "*")
		w := httptest.NewRecorder()
		b.api.ServeHTTP(w, r)
		if w.Code != 413 {
			t.Errorf("%s %s in chunks: %d %s", rt.method, rt.path, w.Code, w.Body)
		}
	}
	full := `{"outcomes":[]}` + strings.Repeat(" ", maxBody-len(`{"outcomes":[]}`))
	b.admin(200, "POST", "/api/v2/services/market/operations", full)
	r := httptest.NewRequest(http.MethodPost, "/api/v2/services/market/operations", iotest.ErrReader(errors.New("the line is cut")))
	r.Header.Set("Authorization", "Bearer "+secrets["admin"])
	w := httptest.NewRecorder()
	b.api.ServeHTTP(w, r)
	if w.Code != 400 {
		t.Errorf("a body that does not arrive: %d %s", w.Code, w.Body)
	}
}

func TestBodies_NameEveryUnknownField(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	for _, rt := range withBodies {
		body := strings.TrimSuffix(rt.good, "}") + `,"colour":1,"size":2}`
		body = strings.Replace(body, "{,", "{", 1)
		got := b.as("admin", rt.method, rt.at(), body, "If-Match", "*")
		if got.status != 400 || !slices.Equal(got.fields(), []string{"colour", "size"}) {
			t.Errorf("%s %s: %d %v", rt.method, rt.path, got.status, got.fields())
		}
	}
}

func TestBodies_ThatAreNotJSONAreCalledSo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	for _, rt := range withBodies {
		got := b.as("admin", rt.method, rt.at(), "reason=x", "If-Match", "*")
		if !strings.Contains(got.raw, `"the body is not JSON: unexpected 'r', want a value at offset 0"`) {
			t.Errorf("%s %s: %s", rt.method, rt.path, got.raw)
		}
	}
}
