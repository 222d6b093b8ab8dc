package rest

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/store/faulty"
	"github.com/degenduel/switchgear/store/memory"
)

const sessionPath = "/api/v2/session"

func TestSession_ACodeIsGoodUntilItHasMadeASession(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]faulty.Fault{"the store refuses": faulty.Refuse, "its answer is lost": faulty.Lose} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner := memory.New()
				store := faulty.New(inner, faulty.Options{Hook: faulty.Nth(faulty.Commit, 1, fault)})
				b := &bench{tb: t, store: inner, through: store}
				b.start()
				defer func() { b.stop() }()
				code, _ := b.api.auth.Code("admin")
				body := `{"code":"` + code + `"}`
				if got := b.as("", http.MethodPost, sessionPath, body); got.status != http.StatusServiceUnavailable {
					t.Fatalf("while the store is away: %d %s", got.status, got.raw)
				}
				time.Sleep(10 * time.Second)
				if got := b.as("", http.MethodPost, sessionPath, body); got.status != http.StatusCreated || got.header.Get("Set-Cookie") == "" {
					t.Errorf("when it is back: %d %s", got.status, got.raw)
				}
				if got := b.as("", http.MethodPost, sessionPath, body); got.status != http.StatusUnauthorized {
					t.Errorf("once more: %d %s", got.status, got.raw)
				}
			})
		})
	}
}

func TestSession_WhoShowsNothingIsNobodyAndNoError(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	page := []string{"Switchgear-Client", "dashboard"}
	for name, tt := range map[string]struct {
		as      string
		headers []string
		status  int
	}{
		"the page that begins":            {"", page, http.StatusNoContent},
		"with a cookie that has ended":    {"", append(page, "Cookie", "switchgear_session=ended"), http.StatusUnauthorized},
		"with a cookie of something else": {"", append(page, "Cookie", "theme=dark"), http.StatusNoContent},
		"with a bad token":                {"", append(page, "Authorization", "Bearer x"), http.StatusUnauthorized},
		"with a token":                    {"viewer", page, http.StatusOK},
		"another program":                 {"", nil, http.StatusUnauthorized},
		"a client of another name":        {"", []string{"Switchgear-Client", "mine"}, http.StatusUnauthorized},
	} {
		got := b.as(tt.as, http.MethodGet, sessionPath, "", tt.headers...)
		if got.status != tt.status || (got.raw == "") != (tt.status == http.StatusNoContent) {
			t.Errorf("%s: %d %q, want %d", name, got.status, got.raw, tt.status)
		}
	}
	for _, path := range []string{"/api/v2/services", "/api/v2/server", "/api/v2/state"} {
		if got := b.as("", http.MethodGet, path, "", page...); got.status != http.StatusUnauthorized {
			t.Errorf("the page that begins reads %s: %d %s", path, got.status, got.raw)
		}
	}
}
