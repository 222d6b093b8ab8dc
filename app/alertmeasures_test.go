package app_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/wire"
)

// TestReceivers_AreNeitherUpNorDownUntilTheyWereTried looks at /metrics before
// and after the first message.
func TestReceivers_AreNeitherUpNorDownUntilTheyWereTried(t *testing.T) {
	t.Parallel()
	h := newHook(t) // nobody listens
	p := serve(t, alertPlace(t, quick(to("ops", h.url()))+three))
	up := func() string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/metrics", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close() //nolint:errcheck // only read
		text, err := io.ReadAll(w.Body)
		if err != nil || !strings.Contains(string(text), `switchgear_alert_messages_waiting{receiver="ops"} `) {
			t.Fatalf("%v\n%s", err, text)
		}
		_, value, _ := strings.Cut(string(text), `switchgear_alert_receiver_up{receiver="ops"} `)
		value, _, _ = strings.Cut(value, "\n")
		return value
	}
	if got := up(); got != "" {
		t.Errorf("untried it is %q", got)
	}
	p.fail(t, "db")
	p.receiver(t, "ops", func(r wire.Receiver) bool { return r.Failed > 0 })
	if got := up(); got != "0" {
		t.Errorf("down it is %q", got)
	}
	h.start()
	h.hears(1)
	p.receiver(t, "ops", func(r wire.Receiver) bool { return r.Delivered > 0 })
	if got := up(); got != "1" {
		t.Errorf("up it is %q", got)
	}
	if err := p.TestReceiver(t.Context(), "ops"); err != nil {
		t.Fatal(err)
	}
	got := h.hears(2)[1]
	if got.Reason != "test" || got.Link != "https://board.example.com/alerts" || got.Alerts[0].URL != got.Link {
		t.Errorf("of no service it is told by %s", got.body)
	}
}
