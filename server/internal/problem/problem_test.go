package problem

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/strict"
	"github.com/degenduel/switchgear/wire"
)

func write(t *testing.T, p *Writer, err error) (http.Header, wire.Problem) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/api/v2/services?token=in-the-query", http.NoBody)
	r = r.WithContext(WithRequestID(r.Context(), "request-1"))
	w := httptest.NewRecorder()
	p.Write(w, r, err)
	var got wire.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	if w.Code != got.Status {
		t.Errorf("status %d, and %d in the body", w.Code, got.Status)
	}
	return w.Header(), got
}

type wait time.Duration

func (w wait) Error() string             { return "too fast" }
func (w wait) RetryAfter() time.Duration { return time.Duration(w) }

func configError(t *testing.T) error {
	t.Helper()
	err := switchgear.Config{FailureThreshold: -5, ResetTimeout: -1}.Validate()
	if err == nil {
		t.Fatal("the config is good")
	}
	return err
}

func TestWrite_AnswersEachKindWithItsStatus(t *testing.T) {
	t.Parallel()
	fail := func(kind fleet.Kind) error {
		return fmt.Errorf("wrapped: %w", &fleet.Error{Kind: kind, Op: "op", Err: errors.New("why")})
	}
	var syntax error = &strict.SyntaxError{Offset: 3, Message: "unexpected end"}
	tests := []struct {
		name   string
		err    error
		status int
		detail string
		header map[string]string
	}{
		{"invalid", fail(fleet.Invalid), 400, "why", nil},
		{"unauthorized", fail(fleet.Unauthorized), 401, "why", map[string]string{"WWW-Authenticate": `Bearer realm="switchgear"`}},
		{"forbidden", fail(fleet.Forbidden), 403, "why", nil},
		{"not found", fail(fleet.NotFound), 404, "why", nil},
		{"conflict", fail(fleet.Conflict), 409, "why", nil},
		{"precondition", fail(fleet.Precondition), 412, "why", nil},
		{"exhausted", fail(fleet.Exhausted), 429, "why", map[string]string{"Retry-After": "1"}},
		{"exhausted for a time", &fleet.Error{Kind: fleet.Exhausted, Err: wait(1500 * time.Millisecond)}, 429, "too fast", map[string]string{"Retry-After": "2"}},
		{"internal", fail(fleet.Internal), 500, "internal error", nil},
		{"unforeseen", errors.New("secret path /data"), 500, "internal error", nil},
		{"unavailable", fail(fleet.Unavailable), 503, "the manager or its store does not answer now; its log says why, under the request's ID", map[string]string{"Retry-After": "1"}},
		{"body too large", fmt.Errorf("read: %w", &http.MaxBytesError{Limit: 10}), 413, "the body is larger than 10 bytes", nil},
		{"syntax", fmt.Errorf("body: %w", syntax), 400, "body: unexpected end at offset 3", nil},
		{"status of its own", Status(428, "If-Match is %s", "required"), 428, "If-Match is required", nil},
		{"without a reason", &fleet.Error{Kind: fleet.NotFound, Op: "op"}, 404, "op: not found", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			header, got := write(t, New(nil), tt.err)
			want := wire.Problem{
				Type: "about:blank", Title: http.StatusText(tt.status), Status: tt.status, Detail: tt.detail, RequestID: "request-1",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("header %v", header)
			}
			for name, value := range tt.header {
				if got := header.Get(name); got != value {
					t.Errorf("%s: %q, want %q", name, got, value)
				}
			}
		})
	}
}

func TestWrite_KnowsEveryKind(t *testing.T) {
	t.Parallel()
	for kind := fleet.Internal; !strings.HasPrefix(kind.String(), "Kind("); kind++ {
		if statuses[kind] == 0 {
			t.Errorf("%v has no status", kind)
		}
	}
}

func TestWrite_NamesEveryBadField(t *testing.T) {
	t.Parallel()
	_, got := write(t, New(nil), fmt.Errorf("config: %w", configError(t)))
	var names []string
	for _, f := range got.Errors {
		names = append(names, f.Field)
		if f.Message == "" {
			t.Errorf("%s has no message", f.Field)
		}
	}
	if want := []string{"failureThreshold", "resetTimeoutMs"}; got.Status != http.StatusBadRequest || !slices.Equal(names, want) {
		t.Errorf("%d: got %v, want %v", got.Status, names, want)
	}
	if !strings.HasPrefix(got.Detail, "failureThreshold: ") || !strings.HasSuffix(got.Detail, "(and 1 more)") {
		t.Errorf("detail %q", got.Detail)
	}
}

func logTo(b *bytes.Buffer) *Writer { return New(slog.New(slog.NewTextHandler(b, nil))) }

func TestWrite_LogsRefusalsAndFaultsOnceAndNoSecret(t *testing.T) {
	t.Parallel()
	lines := map[fleet.Kind]int{
		fleet.Internal: 1, fleet.Unavailable: 1, fleet.Unauthorized: 1, fleet.Forbidden: 1, fleet.Exhausted: 1,
		fleet.Invalid: 0, fleet.NotFound: 0, fleet.Conflict: 0, fleet.Precondition: 0,
	}
	for kind, want := range lines {
		var log bytes.Buffer
		write(t, logTo(&log), &fleet.Error{Kind: kind, Err: errors.New("the reason")})
		if got := strings.Count(log.String(), "\n"); got != want {
			t.Errorf("%v: %d lines, want %d: %s", kind, got, want, &log)
		}
		if want == 1 && (!strings.Contains(log.String(), "request_id=request-1") || !strings.Contains(log.String(), "the reason")) {
			t.Errorf("%v: %s", kind, &log)
		}
		if strings.Contains(log.String(), "in-the-query") {
			t.Errorf("%v: the query is logged: %s", kind, &log)
		}
	}
}

func TestWrite_SamplesAFloodOfRefusals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := logTo(&log)
		for range 1000 {
			write(t, p, &fleet.Error{Kind: fleet.Unauthorized, Err: errors.New("no")})
		}
		if got := strings.Count(log.String(), "\n"); got != sampleSize {
			t.Errorf("%d lines, want %d", got, sampleSize)
		}
		write(t, p, errors.New("a fault"))
		if !strings.Contains(log.String(), "a fault") {
			t.Error("a fault is not logged")
		}
		log.Reset()
		time.Sleep(time.Minute)
		write(t, p, &fleet.Error{Kind: fleet.Unauthorized, Err: errors.New("again")})
		if !strings.Contains(log.String(), "again") {
			t.Errorf("a minute later: %s", &log)
		}
	})
}

func TestWrite_DoesNotLogWhoHasGone(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
	logTo(&log).Write(httptest.NewRecorder(), r, &fleet.Error{Kind: fleet.Unavailable, Err: ctx.Err()})
	if log.Len() > 0 {
		t.Errorf("logged: %s", &log)
	}
}

func TestNewID_IsUniqueAndSortsByTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		form := regexp.MustCompile(`^[0-9a-v]{24}$`)
		seen := make(map[string]bool)
		last := ""
		for range 1000 {
			id := NewID()
			if !form.MatchString(id) || seen[id] {
				t.Fatalf("%q", id)
			}
			if id[:9] < last {
				t.Fatalf("%q after %q", id, last)
			}
			seen[id], last = true, id[:9]
			time.Sleep(time.Millisecond)
		}
	})
}

func TestKindOf_IsTheSameEachTimeAndUnavailableWhereItMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]fleet.Kind{
		http.StatusServiceUnavailable: fleet.Unavailable, http.StatusNotFound: fleet.NotFound,
		http.StatusPreconditionFailed: fleet.Precondition, http.StatusTeapot: fleet.Internal,
	} {
		for range 100 { // a map has no order
			if got := KindOf(status); got != want {
				t.Fatalf("%d is of kind %v, want %v", status, got, want)
			}
		}
	}
}
