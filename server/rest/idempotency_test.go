package rest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/fleet"
)

// keyed are the POSTs, each with a body that is good on a service "market" with
// a health check.
var keyed = []struct {
	path, body string
	status     int
}{
	{"services/market/reset", `{"reason":"x"}`, 200},
	{"services/market/config/rollback", `{"version":1,"reason":"x"}`, 200},
	{"services/market/operations", `{"outcomes":[{"outcome":"success","duration_ms":1}]}`, 200},
	{"services/market/health-check", ``, 200},
	{"tokens", `{"name":"x","role":"viewer"}`, 201},
	{"ws/tickets", `{}`, 201},
}

// twoVersions is a service whose first config is not in force.
func (b *bench) twoVersions() {
	b.tb.Helper()
	b.admin(201, "PUT", "/api/v2/services/market", `{"config":{"failureThreshold":2},"healthCheck":{"tcp":{"address":"127.0.0.1:9"}}}`)
	b.admin(200, "PATCH", "/api/v2/services/market/config", `{"config":{"failureThreshold":9},"reason":"x"}`, "If-Match", "*")
}

func replayed(r reply) bool { return r.header.Get("Idempotency-Replayed") == "true" }

func TestIdempotencyKey_MakesARequestHappenOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.twoVersions()
	for _, tt := range keyed {
		if tt.path == "tokens" || tt.path == "ws/tickets" {
			continue // whose answers are secret
		}
		first := b.admin(tt.status, "POST", "/api/v2/"+tt.path, tt.body, "Idempotency-Key", "k 1")
		if first.header.Get("Idempotency-Replayed") != "" {
			t.Errorf("%s: the first answer is a replay: %v", tt.path, first.header)
		}
		again := b.admin(tt.status, "POST", "/api/v2/"+tt.path, tt.body, "Idempotency-Key", "k 1")
		if again.raw != first.raw || !replayed(again) {
			t.Errorf("%s: %v\n%s%s", tt.path, again.header, first.raw, again.raw)
		}
		for _, name := range []string{"Content-Type", "ETag", "Location"} {
			if again.header.Get(name) != first.header.Get(name) {
				t.Errorf("%s: %s is %q, was %q", tt.path, name, again.header.Get(name), first.header.Get(name))
			}
		}
		if other := b.as("admin", "POST", "/api/v2/"+tt.path, tt.body+" ", "Idempotency-Key", "k 1"); tt.body != "" && other.status != 422 {
			t.Errorf("%s with another body: %d %s", tt.path, other.status, other.raw)
		}
	}
	if got := b.as("admin", "POST", "/api/v2/services/market/config/rollback", keyed[1].body, "Idempotency-Key", "k 1", "If-Match", "*"); got.status != 422 {
		t.Errorf("with another If-Match: %d", got.status)
	}
	b.admin(201, "POST", "/api/v2/tokens", keyed[4].body, "Idempotency-Key", "k 1")
	b.admin(409, "POST", "/api/v2/tokens", keyed[4].body, "Idempotency-Key", "k 1")
	b.happenedOnce()
}

func TestIdempotencyKey_ShowsNoSecretTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ask := func(status int, path, body string) reply {
		t.Helper()
		return b.admin(status, "POST", "/api/v2/"+path, body, "Idempotency-Key", "k")
	}
	made := ask(201, "tokens", `{"name":"x","role":"viewer"}`)
	for range 2 {
		got := ask(409, "tokens", `{"name":"x","role":"viewer"}`)
		if strings.Contains(got.raw, made.text("token")) || !strings.Contains(got.text("detail"), made.text("id")) || replayed(got) {
			t.Errorf("%v %s", got.header, got.raw)
		}
	}
	ask(422, "tokens", `{"name":"y","role":"viewer"}`)
	first := ask(201, "ws/tickets", "")
	for _, body := range []string{"", "{}"} {
		if got := ask(201, "ws/tickets", body); got.text("ticket") == first.text("ticket") || replayed(got) {
			t.Errorf("the same ticket again: %v %s", got.header, got.raw)
		}
	}
	if got := b.as("admin", "POST", "/api/v2/ws/tickets", "", "Idempotency-Key", "\x7f"); got.status != 201 {
		t.Errorf("a key that is none: %d", got.status)
	}
	b.api.answers.mu.Lock()
	defer b.api.answers.mu.Unlock()
	if n := len(b.api.answers.of); n != 0 {
		t.Errorf("%d answers are kept", n)
	}
}

// happenedOnce tells of keyed requests that have happened more often.
func (b *bench) happenedOnce() {
	b.tb.Helper()
	if n := len(b.admin(200, "GET", "/api/v2/services/market/events?kind=reset", "").names("events", "id")); n != 1 {
		b.tb.Errorf("%d resets", n)
	}
	if v := b.admin(200, "GET", "/api/v2/services/market/config", "").body["version"]; v != 3.0 {
		b.tb.Errorf("version %v, want 3", v)
	}
	if n := len(b.admin(200, "GET", "/api/v2/tokens", "").names("tokens", "id")); n != 1 {
		b.tb.Errorf("%d tokens", n)
	}
}

func TestIdempotencyKey_IsOfOneIdentityAndOneRoute(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market", "sync")
	key := []string{"Idempotency-Key", "same"}
	b.admin(200, "POST", "/api/v2/services/market/reset", `{"reason":"x"}`, key...)
	if got := b.as("operator", "POST", "/api/v2/services/market/reset", `{"reason":"y"}`, key...); got.status != 200 || replayed(got) {
		t.Errorf("another identity: %d %s", got.status, got.raw)
	}
	if got := b.admin(200, "POST", "/api/v2/services/sync/reset", `{"reason":"z"}`, key...); replayed(got) {
		t.Errorf("another service: %s", got.raw)
	}
	b.restart()
	if got := b.as("operator", "POST", "/api/v2/services/market/reset", `{"reason":"x"}`, key...); got.status != 422 {
		t.Errorf("another's body, after a restart: %d %s", got.status, got.raw)
	}
}

func TestIdempotencyKey_IsPrintableASCII(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	for _, key := range []string{"", "é", "a\x00b", "a\tb", "\x7f", strings.Repeat("k", 256)} {
		got := b.as("admin", "POST", "/api/v2/services/market/reset", `{"reason":"x"}`, "Idempotency-Key", key)
		if got.status != 400 || len(got.fields()) != 1 || got.fields()[0] != "Idempotency-Key" {
			t.Errorf("%q: %d %s", key, got.status, got.raw)
		}
	}
	b.admin(200, "POST", "/api/v2/services/market/reset", `{"reason":"x"}`, "Idempotency-Key", strings.Repeat("~", 255))
	// Only a POST heeds it.
	b.admin(200, "PUT", "/api/v2/services/market", `{}`, "Idempotency-Key", "")
}

func TestIdempotencyKey_OfARefusedRequestIsFreeAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	key := []string{"Idempotency-Key", "k"}
	b.admin(404, "POST", "/api/v2/services/market/reset", `{"reason":"x"}`, key...)
	b.reported("market")
	b.admin(200, "PUT", "/api/v2/services/market/override", `{"mode":"forced_open","reason":"x","ttl_ms":60000}`)
	b.admin(400, "POST", "/api/v2/services/market/reset", `{}`, key...)
	b.admin(409, "POST", "/api/v2/services/market/reset", `{"reason":"x"}`, key...)
	b.admin(200, "DELETE", "/api/v2/services/market/override", "")
	b.store.Fail(errors.New("the disk is gone"))
	b.admin(503, "POST", "/api/v2/services/market/reset", `{"reason":"x"}`, key...)
	b.store.Fail(nil)
	b.until("the store's return", func() bool { return b.manager.Ready(t.Context()) == nil })
	if got := b.admin(200, "POST", "/api/v2/services/market/reset", `{"reason":"x"}`, key...); replayed(got) {
		t.Errorf("it is a replay: %s", got.raw)
	}
	if got := b.admin(200, "POST", "/api/v2/services/market/reset", `{"reason":"x"}`, key...); !replayed(got) {
		t.Errorf("it is no replay: %s", got.raw)
	}
}

func TestIdempotencyKey_OfARequestUnderWayIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.gate = make(chan struct{})
	b.admin(201, "PUT", "/api/v2/services/market", `{"config":{"healthCheckIntervalMs":0},"healthCheck":{"tcp":{"address":"127.0.0.1:9"}}}`)
	key := []string{"Idempotency-Key", "k"}
	const path = "/api/v2/services/market/health-check"
	first := make(chan reply)
	go func() { first <- b.as("admin", "POST", path, "", key...) }()
	b.until("the first request", func() bool {
		b.api.answers.mu.Lock()
		defer b.api.answers.mu.Unlock()
		return len(b.api.answers.of) == 1
	})
	if got := b.as("admin", "POST", path, "", key...); got.status != 409 || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", got.status, got.header, got.raw)
	}
	close(b.gate)
	if got := <-first; got.status != 200 {
		t.Errorf("the first: %d %s", got.status, got.raw)
	}
	if got := b.admin(200, "POST", path, "", key...); !replayed(got) {
		t.Errorf("after it: %s", got.raw)
	}
}

func TestIdempotencyKey_OfManyAtOnceOneHappens(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	var fresh atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			got := b.as("admin", "POST", "/api/v2/tokens", `{"name":"one","role":"viewer"}`, "Idempotency-Key", "k")
			switch {
			case got.status == 201 && !replayed(got):
				fresh.Add(1)
			case got.status != 201 && got.status != 409:
				t.Errorf("%d %s", got.status, got.raw)
			}
		})
	}
	all.Wait()
	if n := len(b.admin(200, "GET", "/api/v2/tokens", "").names("tokens", "id")); n != 1 || fresh.Load() != 1 {
		t.Errorf("%d tokens, %d fresh answers", n, fresh.Load())
	}
}

func TestIdempotencyKey_HoldsOverARestart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.twoVersions()
	first := make(map[string]reply)
	for _, tt := range keyed {
		first[tt.path] = b.admin(tt.status, "POST", "/api/v2/"+tt.path, tt.body, "Idempotency-Key", "k")
	}
	b.admin(200, "PATCH", "/api/v2/services/market/config", `{"config":{"failureThreshold":5},"reason":"later"}`, "If-Match", "*")
	totals := b.admin(200, "GET", "/api/v2/services/market", "").part("operations")
	b.restart()
	again := func(path, body string, status int) reply {
		t.Helper()
		got := b.admin(status, "POST", "/api/v2/"+path, body, "Idempotency-Key", "k")
		if replayed(got) != (status < 300) {
			t.Errorf("%s: %d %v", path, got.status, got.header)
		}
		return got
	}
	if got := again("services/market/reset", keyed[0].body, 200); got.part("circuit_breaker", "state") != "closed" {
		t.Errorf("reset: %s", got.raw)
	}
	if got := again("services/market/config/rollback", keyed[1].body, 200); got.body["version"] != 3.0 || got.header.Get("ETag") != `"3"` ||
		got.part("config", "failureThreshold") != 2.0 {
		t.Errorf("rollback: %v %s", got.header, got.raw)
	}
	if got := again("services/market/operations", keyed[2].body, 200); got.body["admit"] != true {
		t.Errorf("operations: %s", got.raw)
	}
	made := first["tokens"].text("id")
	if got := again("tokens", keyed[4].body, 409); made == "" || !strings.Contains(got.text("detail"), made) {
		t.Errorf("tokens, where %s was made: %s", made, got.raw)
	}
	for _, tt := range keyed[:3] {
		if got := b.as("admin", "POST", "/api/v2/"+tt.path, tt.body+" ", "Idempotency-Key", "k"); got.status != 422 {
			t.Errorf("%s with another body: %d", tt.path, got.status)
		}
	}
	if diff := cmp.Diff(totals, b.admin(200, "GET", "/api/v2/services/market", "").part("operations")); diff != "" {
		t.Errorf("operations are counted twice (-before +after)\n%s", diff)
	}
	if n := len(b.admin(200, "GET", "/api/v2/services/market/events?kind=reset", "").names("events", "id")); n != 1 {
		t.Errorf("%d resets", n)
	}
}

// lossy is a store that can lose the answer to a write that it has done.
type lossy struct {
	fleet.Store

	lose atomic.Bool
}

func (l *lossy) Commit(ctx context.Context, batch *fleet.Batch) error {
	err := l.Store.Commit(ctx, batch)
	if err == nil && len(batch.Requests) > 0 && l.lose.CompareAndSwap(true, false) {
		return &fleet.Error{Kind: fleet.Unavailable, Op: "commit", Err: errors.New("the answer is lost")}
	}
	return err
}

func TestIdempotencyKey_DecidesWhereTheStoresAnswerWasLost(t *testing.T) {
	t.Parallel()
	for _, tt := range keyed {
		switch tt.path {
		case "services/market/operations", "services/market/health-check", "ws/tickets":
			continue // whose answers wait for no write
		}
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.stop()
			l := &lossy{Store: b.store}
			b.through = l
			b.start()
			b.twoVersions()
			l.lose.Store(true)
			got := b.as("admin", "POST", "/api/v2/"+tt.path, tt.body, "Idempotency-Key", "k")
			for i := 0; got.status == 503; i++ {
				if i == 0 {
					b.until("the store's return", func() bool { return b.manager.Ready(t.Context()) == nil })
				}
				got = b.as("admin", "POST", "/api/v2/"+tt.path, tt.body, "Idempotency-Key", "k")
			}
			if want := map[bool]int{true: 409, false: tt.status}[tt.path == "tokens"]; got.status != want {
				t.Errorf("sent again: %d %s", got.status, got.raw)
			}
			b.until("the store's return", func() bool { return b.manager.Ready(t.Context()) == nil })
			marks := 0
			for _, e := range b.store.AuditLog() {
				if strings.HasPrefix(e.Result, "ok") && (e.Action == "reset" || e.Action == "create token" || strings.HasPrefix(e.Result, "ok: 3 ")) {
					marks++
				}
			}
			if marks != 1 {
				t.Errorf("it happened %d times: %s", marks, fmt.Sprint(b.store.AuditLog()))
			}
		})
	}
}

func TestIdempotencyKey_ComesBeforeWhatWouldRefuseTheSecond(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.twoVersions()
	headers := []string{"Idempotency-Key", "k", "If-Match", `"2"`}
	first := b.admin(200, "POST", "/api/v2/services/market/config/rollback", `{"version":1}`, headers...)
	for range 2 {
		got := b.admin(200, "POST", "/api/v2/services/market/config/rollback", `{"version":1}`, headers...)
		if !replayed(got) || got.body["version"] != first.body["version"] {
			t.Errorf("%v %s", got.header, got.raw)
		}
		b.restart()
	}
}
