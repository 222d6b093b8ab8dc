package notify_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/alert/notify"
	"github.com/degenduel/switchgear/fleet"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(int) { http.DefaultClient.CloseIdleConnections() }))
}

var began = time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)

// message is one of an incident with a dependant.
func message() alert.Message {
	return alert.Message{
		ID: "01d", Reason: alert.Firing, Incident: "01a", Root: "db", Link: "https://board.example.com",
		Alerts: []fleet.Alert{
			{
				ID: "01a", Incident: "01a", Kind: fleet.AlertCircuitStateChange, Service: "db", Severity: fleet.SeverityCritical,
				Summary: "db is open since 02:03 UTC: 5 failures in 60 s; 2 services depend on it", StartsAt: began, UpdatedAt: began,
				Root: "db", Affects: []string{"api", "web"}, Evidence: json.RawMessage(`{"last_error":"connection refused"}`),
			},
			{
				ID: "01b", Incident: "01a", Kind: fleet.AlertConsecutiveFailures, Service: "web", Severity: fleet.SeverityWarning,
				Summary: "web fails", StartsAt: began.Add(time.Minute), UpdatedAt: began, Root: "db", Affects: []string{"api", "web"},
			},
		},
	}
}

const wholeText = `db is open since 02:03 UTC: 5 failures in 60 s; 2 services depend on it
Root: db, since 2026-03-01 02:03:04 UTC
Drags down: api, web
Also: web fails
Error: connection refused
To do: mend it; its circuit tries again by itself
https://board.example.com/service/db?at=2026-03-01T02%3A03%3A04.000Z`

// receiver is one whose tries have ended when the test does.
func receiver(t *testing.T, url string) *notify.Receiver {
	t.Helper()
	r, err := notify.New(notify.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return r
}

// request is what a web service got.
type request struct {
	path, body string
	header     http.Header
}

// web is a service that answers with a status and repeats the request, as the worst
// of them do. host is where it is.
func web(t *testing.T, status int) (host string, got chan request) {
	t.Helper()
	got = make(chan request, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- request{r.URL.Path, string(body), r.Header}
		w.Header().Set("Connection", "close")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"error":"%s %s %v","errorDescription":"%s"}`, r.Method, r.URL, r.Header["Authorization"], r.URL)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), got
}

// mailServer speaks as much of SMTP as a message needs.
type mailServer struct {
	net.Listener

	mails chan string // what came behind DATA
	deaf  chan struct{}
	hear  func() // ends deaf

	serving sync.WaitGroup
}

// smtpServer answers to MAIL with a line, such as 250 OK. Where that is empty it
// never answers to anything.
func smtpServer(t *testing.T, toMail string) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{Listener: l, mails: make(chan string, 10), deaf: make(chan struct{})}
	s.hear = sync.OnceFunc(func() { close(s.deaf) })
	s.serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.serving.Go(func() {
				defer conn.Close() //nolint:errcheck // what it got is what counts
				if toMail == "" {
					<-s.deaf
					return
				}
				s.serve(conn, toMail)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.hear()
		s.serving.Wait()
	})
	return s
}

func (s *mailServer) serve(conn net.Conn, toMail string) {
	lines := bufio.NewReader(conn)
	say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	say("220 mail")
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.ToUpper(verb) {
		case "MAIL":
			say(toMail)
		case "DATA":
			say("354 go on")
			var mail strings.Builder
			for line, err = lines.ReadString('\n'); err == nil && line != ".\r\n"; line, err = lines.ReadString('\n') {
				mail.WriteString(line)
			}
			s.mails <- mail.String()
			say("250 OK")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 OK")
		}
	}
}
