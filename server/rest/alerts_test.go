package rest

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/alert"
)

// receiver is where the alerts of the tests are sent.
type receiver struct {
	failing atomic.Bool
	sent    atomic.Int64
}

// Send implements alert.Receiver.
func (r *receiver) Send(context.Context, alert.Message) error {
	if r.failing.Load() {
		return errors.New("ops answers 500")
	}
	r.sent.Add(1)
	return nil
}

// fail opens the circuit of a service, and waits for its alert.
func (b *bench) fail(service string) {
	b.tb.Helper()
	failure := `{"outcome":"failure","duration_ms":1,"error":"down"}`
	b.admin(200, "POST", "/api/v2/services/"+service+"/operations", `{"outcomes":[`+strings.Repeat(failure+",", 9)+failure+`]}`)
	b.until("an alert of "+service, func() bool {
		return len(b.admin(200, "GET", "/api/v2/alerts?status=firing&service="+service, "").names("alerts", "kind")) > 0
	})
}

// firstAlert is the ID of the oldest alert of a service.
func (b *bench) firstAlert(service string) string {
	b.tb.Helper()
	ids := b.admin(200, "GET", "/api/v2/alerts?service="+service, "").names("alerts", "id")
	return ids[len(ids)-1].(string)
}

func TestAlerts_AreListedAcknowledgedAndOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market", "wallet")
	if got := b.admin(200, "GET", "/api/v2/alerts", ""); got.raw != `{"alerts":[],"next_cursor":null}`+"\n" {
		t.Errorf("before: %s", got.raw)
	}
	b.fail("market")
	b.fail("wallet")
	id := b.firstAlert("market")
	one := b.admin(200, "GET", "/api/v2/alerts/"+id, "")
	if one.text("service") != "market" || one.text("status") != "firing" || one.body["acknowledged_by"] != nil || one.text("root") != "market" {
		t.Errorf("one: %s", one.raw)
	}
	seen := b.admin(200, "POST", "/api/v2/alerts/"+id+"/acknowledge", `{"reason":"on it"}`)
	if seen.text("acknowledged_by") != "admin-1" || seen.text("acknowledged_at") == "" {
		t.Errorf("seen: %s", seen.raw)
	}
	incident := b.admin(200, "GET", "/api/v2/alerts?incident="+one.text("incident"), "")
	for _, by := range incident.names("alerts", "acknowledged_by") {
		if by != "admin-1" {
			t.Errorf("of the incident: %s", incident.raw)
		}
	}
	if last := b.store.AuditLog()[len(b.store.AuditLog())-1]; last.Action != "acknowledge" || last.Service != "market" || last.Reason != "on it" {
		t.Errorf("the audit log says %+v", last)
	}
	if n, _ := seen.body["newly"].(float64); n < 1 {
		t.Errorf("newly seen: %s", seen.raw)
	}
	again := b.with(b.admin(201, "POST", "/api/v2/tokens", `{"name":"night","role":"operator"}`).text("token"), "POST", "/api/v2/alerts/"+id+"/acknowledge", "")
	if again.status != 200 || again.text("acknowledged_by") != "admin-1" || again.text("acknowledged_at") != seen.text("acknowledged_at") || again.body["newly"] != 0.0 {
		t.Errorf("seen again: %s", again.raw)
	}
	back := b.admin(200, "DELETE", "/api/v2/alerts/"+id+"/acknowledge?reason=not+mine", "")
	if back.body["acknowledged_by"] != nil || back.body["acknowledged_at"] != nil || back.text("id") != id {
		t.Errorf("taken back: %s", back.raw)
	}
	for _, by := range b.admin(200, "GET", "/api/v2/alerts?incident="+one.text("incident"), "").names("alerts", "acknowledged_by") {
		if by != nil {
			t.Errorf("after it was taken back it is seen by %v", by)
		}
	}
	if last := b.store.AuditLog()[len(b.store.AuditLog())-1]; last.Action != "end acknowledgement" || last.Service != "market" || last.Reason != "not mine" {
		t.Errorf("the audit log says %+v", last)
	}
	b.admin(200, "POST", "/api/v2/services/market/reset", `{"reason":"well"}`)
	b.until("the end", func() bool {
		return len(b.admin(200, "GET", "/api/v2/alerts?status=firing&service=market", "").names("alerts", "id")) == 0
	})
	for _, method := range []string{"POST", "DELETE"} {
		if got := b.admin(409, method, "/api/v2/alerts/"+id+"/acknowledge", ""); got.text("detail") == "" {
			t.Errorf("over: %s", got.raw)
		}
		b.admin(404, method, "/api/v2/alerts/nothing/acknowledge", "")
	}
	b.admin(404, "GET", "/api/v2/alerts/nothing", "")
	for query, field := range map[string]string{
		"status=open": "status", "service=No": "service", "limit=0": "limit", "cursor=" + *eventsList.cursor("1"): "cursor", "kind=x": "kind",
	} {
		if got := b.admin(400, "GET", "/api/v2/alerts?"+query, ""); len(got.fields()) != 1 || got.fields()[0] != field {
			t.Errorf("%s: %s", query, got.raw)
		}
	}
}

func TestAlerts_ComeInPagesOfWhatTheTokenIsFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("eu:market", "us:market", "eu:wallet")
	for _, name := range []string{"eu:market", "us:market", "eu:wallet"} {
		b.fail(name)
	}
	secret := b.admin(201, "POST", "/api/v2/tokens", `{"name":"eu","role":"operator","services":["eu:*"]}`).text("token")
	seen := map[any]int{}
	for next := ""; ; {
		page := b.with(secret, "GET", "/api/v2/alerts?limit=1"+next, "")
		for _, name := range page.names("alerts", "service") {
			seen[name]++
		}
		cursor, more := page.body["next_cursor"].(string)
		if !more {
			break
		}
		next = "&cursor=" + url.QueryEscape(cursor)
	}
	if seen["eu:market"] == 0 || seen["eu:wallet"] == 0 || len(seen) != 2 {
		t.Errorf("it sees %v", seen)
	}
	hidden := b.firstAlert("us:market")
	for path, method := range map[string]string{
		"/api/v2/alerts?service=us:market":          "GET",
		"/api/v2/alerts/" + hidden:                  "GET",
		"/api/v2/alerts/" + hidden + "/acknowledge": "POST",
		"/api/v2/silences":                          "GET",
		"/api/v2/receivers":                         "GET",
		"/api/v2/receivers/ops/test":                "POST",
	} {
		if got := b.with(secret, method, path, ""); got.status != 403 {
			t.Errorf("%s %s: %d %s", method, path, got.status, got.raw)
		}
	}
	if got := b.with(secret, "POST", "/api/v2/alerts/"+b.firstAlert("eu:market")+"/acknowledge", ""); got.status != 200 {
		t.Errorf("its own: %d %s", got.status, got.raw)
	}
}

func TestSilences_AreMadeOnceAndEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	ends := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	body := `{"matchers":[{"field":"service","op":"=~","value":"mark.*"}],"reason":"new disks","ends_at":"` + ends + `"}`
	made := b.as("admin", "POST", "/api/v2/silences", body, keyHeader, "k1")
	if made.status != 201 || made.text("status") != "active" || made.text("author") != "admin-1" || made.text("ends_at")[:19] != ends[:19] {
		t.Fatalf("made: %d %s", made.status, made.raw)
	}
	b.restart()
	again := b.as("admin", "POST", "/api/v2/silences", body, keyHeader, "k1")
	if diff := cmp.Diff(made.body, again.body); again.status != 201 || diff != "" {
		t.Errorf("again: %d (-first +second)\n%s", again.status, diff)
	}
	if made.body["covers"] != 0.0 {
		t.Errorf("while nothing fires it covers %v", made.body["covers"])
	}
	b.fail("market")
	also := b.admin(201, "POST", "/api/v2/silences", `{"matchers":[{"field":"kind","op":"=","value":"circuit_state_change"}],"reason":"r","ends_at":"`+ends+`"}`)
	if also.body["covers"] != 1.0 {
		t.Errorf("another covers %v", also.body["covers"])
	}
	b.admin(204, "DELETE", "/api/v2/silences/"+also.text("id"), "")
	if got := b.admin(200, "GET", "/api/v2/alerts", "").body["alerts"].([]any)[0].(map[string]any)["silenced_by"]; !cmp.Equal(got, []any{made.text("id")}) {
		t.Errorf("silenced by %v", got)
	}
	b.admin(204, "DELETE", "/api/v2/silences/"+made.text("id")+"?reason=done", "")
	b.admin(409, "DELETE", "/api/v2/silences/"+made.text("id"), "")
	b.admin(404, "DELETE", "/api/v2/silences/nothing", "")
	list := b.admin(200, "GET", "/api/v2/silences", "")
	if diff := cmp.Diff([]any{"expired", "expired"}, list.names("silences", "status")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, tt := range []struct{ body, field string }{
		{`{"reason":"r","ends_at":"` + ends + `"}`, "matchers"},
		{`{"matchers":[],"reason":"r","ends_at":"` + ends + `"}`, "matchers"},
		{`{"matchers":[{"field":"service","op":"=~","value":"("}],"reason":"r","ends_at":"` + ends + `"}`, "matchers[0].value"},
		{`{"matchers":[{"field":"host","op":"=","value":"a"}],"reason":"r","ends_at":"` + ends + `"}`, "matchers[0].field"},
		{`{"matchers":[{"field":"service","op":"~","value":"a"}],"reason":"r","ends_at":"` + ends + `"}`, "matchers[0].op"},
		{`{"matchers":[{"field":"service","op":"=","value":"a"}],"ends_at":"` + ends + `"}`, "reason"},
		{`{"matchers":[{"field":"service","op":"=","value":"a"}],"reason":"r"}`, "ends_at"},
		{`{"matchers":[{"field":"service","op":"=","value":"a"}],"reason":"r","ends_at":"2020-01-01T00:00:00Z"}`, "ends_at"},
	} {
		if got := b.admin(400, "POST", "/api/v2/silences", tt.body); len(got.fields()) == 0 || got.fields()[0] != tt.field {
			t.Errorf("%s: %s", tt.body, got.raw)
		}
	}
}

func TestReceivers_AreShownAndTried(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.admin(204, "POST", "/api/v2/receivers/ops/test", "")
	b.receiver.failing.Store(true)
	if got := b.admin(502, "POST", "/api/v2/receivers/ops/test", ""); !strings.Contains(got.text("detail"), "ops answers 500") {
		t.Errorf("failing: %s", got.raw)
	}
	b.admin(404, "POST", "/api/v2/receivers/nobody/test", "")
	list := b.admin(200, "GET", "/api/v2/receivers", "")
	one := list.body["receivers"].([]any)[0].(map[string]any)
	if one["name"] != "ops" || one["kind"] != "webhook" || b.receiver.sent.Load() != 1 {
		t.Errorf("%s", list.raw)
	}
}

func TestAlerts_ATokenAcknowledgesNoIncidentOfWhichItSeesAPart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("us:db")
	b.admin(201, "PUT", "/api/v2/services/eu:market", `{"config":{"failureThreshold":2},"dependencies":["us:db"]}`)
	secret := b.admin(201, "POST", "/api/v2/tokens", `{"name":"eu","role":"operator","services":["eu:*"]}`).text("token")
	b.fail("us:db")
	b.fail("eu:market")
	id := b.firstAlert("eu:market")
	if got := b.with(secret, "POST", "/api/v2/alerts/"+id+"/acknowledge", ""); got.status != 403 || strings.Contains(got.raw, "us:db") {
		t.Errorf("in part its own: %d %s", got.status, got.raw)
	}
	if by := b.admin(200, "GET", "/api/v2/alerts/"+b.firstAlert("us:db"), "").body["acknowledged_by"]; by != nil {
		t.Errorf("the root's alert was acknowledged by %v", by)
	}
	b.admin(200, "POST", "/api/v2/alerts/"+id+"/acknowledge", "")
	if got := b.with(secret, "DELETE", "/api/v2/alerts/"+id+"/acknowledge", ""); got.status != 403 {
		t.Errorf("taken back: %d %s", got.status, got.raw)
	}
}

func TestAlerts_NameNoServiceThatTheTokenIsNotFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("eu:db", "us:db")
	for name, on := range map[string]string{"eu:market": "eu:db", "us:wallet": "eu:db", "eu:late": "us:db", "us:late": "us:db"} {
		b.admin(201, "PUT", "/api/v2/services/"+name, `{"dependencies":["`+on+`"]}`)
	}
	secret := b.admin(201, "POST", "/api/v2/tokens", `{"name":"eu","role":"operator","services":["eu:*"]}`).text("token")
	b.fail("eu:db")
	id := b.firstAlert("eu:db")
	if got := b.admin(200, "GET", "/api/v2/alerts/"+id, ""); !strings.Contains(got.raw, `"affects":["eu:market","us:wallet"]`) {
		t.Errorf("for all services: %s", got.raw)
	}
	for path, method := range map[string]string{
		"/api/v2/alerts":                        "GET",
		"/api/v2/alerts/" + id:                  "GET",
		"/api/v2/alerts/" + id + "/acknowledge": "POST",
	} {
		got := b.with(secret, method, path, "")
		if got.status != 200 || !strings.Contains(got.raw, `"affects":["eu:market"]`) || strings.Contains(got.raw, "us:") {
			t.Errorf("%s %s: %d %s", method, path, got.status, got.raw)
		}
	}
	b.fail("us:db")
	b.fail("eu:late")
	got := b.with(secret, "GET", "/api/v2/alerts?service=eu:late", "")
	if !strings.Contains(got.raw, `"root":"us:db","affects":["eu:late"]`) || strings.Contains(got.raw, "us:late") {
		t.Errorf("of a root of others: %d %s", got.status, got.raw)
	}
}

func TestAudit_SaysOfAlertsWhatWasOrdered(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	b.fail("market")
	alertID := b.firstAlert("market")
	incident := b.admin(200, "POST", "/api/v2/alerts/"+alertID+"/acknowledge", `{"reason":"on it"}`).text("incident")
	silence := b.admin(201, "POST", "/api/v2/silences",
		`{"matchers":[{"field":"service","op":"=","value":"a"},{"field":"kind","op":"!=","value":"b"}],"reason":"new disks","ends_at":"2999-01-01T00:00:00Z"}`)
	b.admin(204, "DELETE", "/api/v2/silences/"+silence.text("id")+"?reason=done", "")
	b.admin(204, "POST", "/api/v2/receivers/ops/test", "")
	b.receiver.failing.Store(true)
	b.admin(502, "POST", "/api/v2/receivers/ops/test", "")
	var got []string
	for _, e := range b.store.AuditLog() {
		if result, _, ok := strings.Cut(e.Result, " (token "); ok && e.Action != "register" {
			got = append(got, strings.Join([]string{e.Action, e.Service, e.Reason, result, string(e.Details)}, "|"))
		}
	}
	id, starts := silence.text("id"), silence.text("starts_at")
	want := []string{
		"acknowledge|market|on it|ok: " + alertID + `|{"incident":"` + incident + `"}`,
		"silence||new disks|ok: " + id + `|{"ends_at":"2999-01-01T00:00:00.000Z","matchers":"service=a, kind!=b","starts_at":"` + starts + `"}`,
		"end silence||done|ok: " + id + "|",
		"test receiver|||ok: ops|",
		"test receiver|||ok: ops|",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
