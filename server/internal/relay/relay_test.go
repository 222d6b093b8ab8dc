package relay

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// node is a Cluster whose roles the test sets.
type node struct {
	mu      sync.Mutex
	leads   bool
	leader  string
	changed chan struct{}
	secret  []byte
	caught  []uint64
}

func newNode(leads bool, leader string) *node {
	return &node{leads: leads, leader: leader, changed: make(chan struct{}), secret: []byte("the nodes' own secret")}
}

func (n *node) Node() string { return "n" }

func (n *node) Leading() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.leads
}

func (n *node) Leader() (string, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.leader, n.changed
}

func (n *node) Secret() []byte { return n.secret }
func (n *node) Seq() uint64    { return 42 }

func (n *node) CatchUp(_ context.Context, seq uint64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.caught = append(n.caught, seq)
	return nil
}

func (n *node) depose() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leader = ""
	close(n.changed)
	n.changed = make(chan struct{})
}

func fail(w http.ResponseWriter, _ *http.Request, err error) {
	status := http.StatusInternalServerError
	if s := (*statusError)(nil); errors.As(err, &s) {
		status = s.status
	}
	http.Error(w, err.Error(), status)
}

// serve is a node's server: what is not passed on, handler answers.
func serve(t *testing.T, n *node, handler func(w http.ResponseWriter, r *http.Request, said *Received)) *httptest.Server {
	t.Helper()
	p := New(n, slog.New(slog.DiscardHandler), fail)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said, err := p.Receive(r)
		switch {
		case err != nil:
			fail(w, r, err)
		case said == nil && p.Away(r):
			p.PassOn(w, r, Asker{Address: "192.0.2.7", RequestID: "request-1"})
		case said != nil && r.Header.Get("Upgrade") == "":
			handler(p.Answering(w), r, said)
		default:
			handler(w, r, said)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func send(t *testing.T, method, url, body string, header http.Header) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text), answer.Header
}

func echo(w http.ResponseWriter, r *http.Request, said *Received) {
	body, _ := io.ReadAll(r.Body)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"body": string(body), "host": r.Host, "authorization": r.Header.Get("Authorization"), "said": said, "passed": len(r.Header.Values(passedHeader)),
	})
}

func TestRelay_PassesOnWhatChangesSomethingAndSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	leader := serve(t, newNode(true, ""), echo)
	n := newNode(false, leader.URL)
	follower := serve(t, n, echo)
	status, text, header := send(t, "PUT", follower.URL+"/api/v2/services/a/override?x=1", "the body", http.Header{"Authorization": {"Bearer secret"}})
	var got struct {
		Body, Host, Authorization string
		Said                      *Received
		Passed                    int
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, text, err)
	}
	if got.Body != "the body" || got.Authorization != "Bearer secret" || "http://"+got.Host != follower.URL || got.Passed != 0 ||
		got.Said == nil || got.Said.Address != "192.0.2.7" || got.Said.RequestID != "request-1" {
		t.Errorf("the leader was given %+v", got)
	}
	if len(n.caught) != 1 || n.caught[0] != 42 || header.Get(seqHeader) != "" {
		t.Errorf("caught up to %v, want 42; the answer has %v", n.caught, header)
	}
}

func TestRelay_AnswersReadsByItself(t *testing.T) {
	t.Parallel()
	follower := serve(t, newNode(false, "http://127.0.0.1:1"), echo)
	for path, want := range map[string]int{
		"/api/v2/services": 200, "/api/v2/services/a": 200, "/api/v2/state": 200, "/api/v2/ws/circuit-breaker": 200, "/metrics": 200, "/api/v2/alertsx": 200,
		"/api/v2/state?at=x": 503, "/api/v2/alerts": 503, "/api/v2/alerts/1": 503, "/api/v2/services/a/instances": 503,
		"/api/v2/services/a/series": 503, "/api/v2/ws/agent": 503, "/api/v2/ws/circuit-breaker?ticket=x": 503,
	} {
		if got, text, _ := send(t, "GET", follower.URL+path, "", nil); got != want {
			t.Errorf("GET %s: %d %s, want %d", path, got, text, want)
		}
	}
	if got, _, _ := send(t, "POST", follower.URL+"/healthz", "", nil); got != 200 {
		t.Errorf("what is not the API's was passed on: %d", got)
	}
}

func TestRelay_BelievesNodesOnly(t *testing.T) {
	t.Parallel()
	n := newNode(true, "")
	leader := serve(t, n, echo)
	said := "eyJhZGRyZXNzIjoiMTkyLjAuMi45In0" // {"address":"192.0.2.9"}
	good := sign(n.secret, said, "POST", "/api/v2/x")
	for name, tt := range map[string]struct {
		said, signature, path string
		want                  int
	}{
		"signed":           {said, good, "/api/v2/x", 200},
		"another path":     {said, good, "/api/v2/y", 403},
		"another saying":   {said + "A", good, "/api/v2/x", 403},
		"another secret":   {said, sign([]byte("other"), said, "POST", "/api/v2/x"), "/api/v2/x", 403},
		"no signature":     {said, "", "/api/v2/x", 403},
		"signed nonsense":  {"!", sign(n.secret, "!", "POST", "/api/v2/x"), "/api/v2/x", 403},
		"neither of those": {"", "", "/api/v2/x", 200},
	} {
		header := http.Header{}
		if tt.said != "" {
			header.Set(passedHeader, tt.said)
			header.Set(signatureHeader, tt.signature)
		}
		if got, text, _ := send(t, "POST", leader.URL+tt.path, "", header); got != tt.want {
			t.Errorf("%s: %d %s, want %d", name, got, text, tt.want)
		}
	}
}

func TestRelay_PassesNothingOnTwice(t *testing.T) {
	t.Parallel()
	behind := newNode(false, "")
	second := serve(t, behind, echo)
	behind.leader = second.URL // itself, even
	first := serve(t, newNode(false, second.URL), echo)
	if got, text, _ := send(t, "POST", first.URL+"/api/v2/x", "", nil); got != http.StatusServiceUnavailable {
		t.Errorf("%d %s", got, text)
	}
}

func TestRelay_SaysWhetherItMayHaveBeenDone(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	hangUp := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer hangUp.Close()
	for leader, want := range map[string]string{gone.URL: errAway.text, hangUp.URL: errLost.text} {
		follower := serve(t, newNode(false, leader), echo)
		if got, text, _ := send(t, "POST", follower.URL+"/api/v2/x", "{}", nil); got != http.StatusServiceUnavailable || !strings.Contains(text, want) {
			t.Errorf("%d %s, want %s", got, text, want)
		}
	}
}

// A socket is cut when the leader is one no more, so that its client looks for
// the next one.
func TestRelay_EndsWhatIsPassedOnWithTheLeader(t *testing.T) {
	t.Parallel()
	leader := serve(t, newNode(true, ""), func(w http.ResponseWriter, _ *http.Request, _ *Received) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello"))
		_, _ = io.Copy(conn, rw)
	})
	n := newNode(false, leader.URL)
	follower := serve(t, n, echo)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(follower.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = conn.Write([]byte("GET /api/v2/ws/agent HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"))
	r := bufio.NewReader(conn)
	answer, err := http.ReadResponse(r, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", answer, err)
	}
	_ = answer.Body.Close()
	_, _ = conn.Write([]byte(" world"))
	text := make([]byte, len("hello world"))
	if _, err := io.ReadFull(r, text); err != nil || string(text) != "hello world" {
		t.Fatalf("%q %v", text, err)
	}
	n.depose()
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("err = %v, want the end", err)
	}
}
