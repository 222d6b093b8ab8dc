package rest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// depends declares a service as an administrator of all.
func (b *bench) depends(name string, on ...string) {
	b.tb.Helper()
	body, err := json.Marshal(map[string]any{"dependencies": on})
	if err != nil {
		b.tb.Fatal(err)
	}
	if got := b.as("admin", "PUT", "/api/v2/services/"+name, string(body)); got.status/100 != 2 {
		b.tb.Fatalf("%s: %d %s", name, got.status, got.raw)
	}
}

func TestLimitedTokens_LearnNothingOfOthersByDependingOnThem(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("us:there", "eu:b")
	for _, other := range []string{"us:there", "us:never"} {
		body := fmt.Sprintf(`{"dependencies":["eu:b",%q]}`, other)
		got := b.as("admin-eu", "PUT", "/api/v2/services/eu:a", body)
		if got.status != 403 || got.text("detail") != "the token is not for the service "+other {
			t.Errorf("%s: %d %s", other, got.status, got.raw)
		}
		bad := b.as("admin-eu", "PUT", "/api/v2/services/eu:a", `{"layer":"!",`+body[1:])
		if fields := bad.fields(); bad.status != 400 || len(fields) != 1 || fields[0] != "layer" {
			t.Errorf("%s beside a bad field: %d %s", other, bad.status, bad.raw)
		}
	}
	if got := b.as("admin-eu", "PUT", "/api/v2/services/eu:a", `{"dependencies":["eu:b","eu:never"]}`); got.status != 400 || !strings.Contains(got.raw, "eu:never") {
		t.Errorf("one of its own that is not there: %d %s", got.status, got.raw)
	}
	if got := b.as("admin-eu", "PUT", "/api/v2/services/eu:a", `{"dependencies":["eu:b"]}`); got.status != 201 {
		t.Errorf("one of its own: %d %s", got.status, got.raw)
	}
}

func TestLimitedTokens_MayKeepWhatTheirServicesDependOn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("us:there", "us:too")
	b.depends("eu:a", "us:there")
	if got := b.as("admin-eu", "PUT", "/api/v2/services/eu:a", `{"layer":"data","dependencies":["us:there"]}`); got.status != 200 {
		t.Errorf("what was there: %d %s", got.status, got.raw)
	}
	if got := b.as("admin-eu", "PUT", "/api/v2/services/eu:a", `{"dependencies":["us:there","us:too"]}`); got.status != 403 {
		t.Errorf("one more: %d %s", got.status, got.raw)
	}
}

func TestLimitedTokens_AreNotToldWhoDependsOnTheirServices(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("eu:a")
	b.depends("us:secret", "eu:a")
	got := b.as("admin-eu", "DELETE", "/api/v2/services/eu:a", "")
	if got.status != 409 || strings.Contains(got.raw, "us:") || !strings.Contains(got.raw, "services that the token is not for") {
		t.Errorf("%d %s", got.status, got.raw)
	}
	b.depends("eu:b", "eu:a")
	got = b.as("admin-eu", "DELETE", "/api/v2/services/eu:a", "")
	if got.status != 409 || strings.Contains(got.raw, "us:") || !strings.Contains(got.raw, "eu:b, services that the token is not for") {
		t.Errorf("beside one of its own: %d %s", got.status, got.raw)
	}
	if got := b.admin(409, "DELETE", "/api/v2/services/eu:a", ""); !strings.Contains(got.raw, "eu:b, us:secret") {
		t.Errorf("who may see all: %s", got.raw)
	}
}

func TestLimitedTokens_AreNotToldWhoIsInACycle(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("eu:a")
	b.depends("us:secret", "eu:a")
	b.depends("eu:b", "us:secret")
	const body = `{"dependencies":["eu:b"]}`
	got := b.as("admin-eu", "PUT", "/api/v2/services/eu:a", body)
	if fields := got.fields(); got.status != 400 || len(fields) != 1 || fields[0] != "dependencies[0]" || strings.Contains(got.raw, "us:") ||
		!strings.Contains(got.text("detail"), "eu:a -> eu:b -> … -> eu:a") {
		t.Errorf("%d %s", got.status, got.raw)
	}
	if got := b.admin(400, "PUT", "/api/v2/services/eu:a", body); !strings.Contains(got.text("detail"), "eu:a -> eu:b -> us:secret -> eu:a") {
		t.Errorf("who may see all: %s", got.raw)
	}
}
