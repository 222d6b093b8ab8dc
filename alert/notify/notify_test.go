package notify_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/alert/notify"
	"github.com/degenduel/switchgear/probe"
)

func TestReceiver_TellsByMail(t *testing.T) {
	t.Parallel()
	s := smtpServer(t, "250 OK")
	r := receiver(t, "smtp://"+s.Addr().String()+"/?from=switchgear@example.com&to=ops@example.com")
	for range 2 {
		if err := r.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
		head, body, _ := strings.Cut(strings.ReplaceAll(<-s.mails, "\r\n", "\n"), "\n\n")
		if diff := cmp.Diff(wholeText, strings.TrimSpace(body)); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
		if lines := strings.Split(head, "\n"); !slices.Contains(lines, "Subject: Firing: db (critical)") || !slices.Contains(lines, "To: ops@example.com") {
			t.Errorf("head:\n%s", head)
		}
	}
}

func TestReceiver_TellsWebServices(t *testing.T) {
	t.Parallel()
	const title = "Firing: db (critical)"
	for _, tc := range []struct {
		url, path, title string // title is what the header Title has
		body             string
	}{
		{"generic+http://HOST/hook", "/hook", "", title + "\n" + wholeText},
		{"generic://HOST/hook?disabletls=yes", "/hook", "", title + "\n" + wholeText},
		{"ntfy://HOST/topic?scheme=http", "/topic", title, wholeText},
		{"ntfy://HOST/topic?scheme=http&title=Ours", "/topic", "Ours", title + "\n" + wholeText},
	} {
		host, got := web(t, http.StatusOK)
		if err := receiver(t, strings.Replace(tc.url, "HOST", host, 1)).Send(t.Context(), message()); err != nil {
			t.Errorf("%s: %v", tc.url, err)
			continue
		}
		r := <-got
		if diff := cmp.Diff([]string{tc.path, tc.title, tc.body}, []string{r.path, r.header.Get("Title"), r.body}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.url, diff)
		}
	}
}

func TestReceiver_GivesEachMessageATitleOfItsOwn(t *testing.T) {
	t.Parallel()
	host, got := web(t, http.StatusOK)
	r := receiver(t, "ntfy://"+host+"/topic?scheme=http")
	for reason, want := range map[alert.Reason]string{
		alert.Test: "Test of Switchgear", alert.Firing: "Firing: db (critical)", alert.Resolved: "Resolved: db",
	} {
		m := message()
		m.Reason = reason
		if err := r.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if title := (<-got).header.Get("Title"); title != want {
			t.Errorf("the message that is %s has the title %q, want %q", reason, title, want)
		}
	}
}

// hidden stands in a URL wherever something can.
const hidden = "hdn4s7cretx"

func TestReceiver_ErrorsHaveNothingOfTheURL(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	_ = closed.Close()
	unauthorized, _ := web(t, http.StatusUnauthorized)
	busy, _ := web(t, http.StatusServiceUnavailable)
	refusing, full := smtpServer(t, "550 no mail from "+hidden+"@example.com"), smtpServer(t, "452 later, "+hidden+"@example.com")
	credentials := strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("u:"+hidden)), "=")
	mail := "smtp://HOST/?from=" + hidden + "@example.com&to=ops@example.com"
	for _, tc := range []struct {
		name, url, host string
		refused         bool
		want            string // is in the error
	}{
		{"generic", "generic+http://u:" + hidden + "@HOST/" + hidden + "?@x=" + hidden, unauthorized, true, "401 Unauthorized"},
		{"generic that is busy", "generic+http://HOST/" + hidden, busy, false, "503 Service Unavailable"},
		{"generic and nobody", "generic+http://HOST/" + hidden, nobody, false, "connection refused"},
		{"generic without TLS", "generic+https://HOST/" + hidden, unauthorized, false, "HTTP response to HTTPS client"},
		{"ntfy", "ntfy://u:" + hidden + "@HOST/" + hidden + "?scheme=http", unauthorized, true, ""},
		{"ntfy and nobody", "ntfy://u:" + hidden + "@HOST/" + hidden + "?scheme=http", nobody, false, "connection refused"},
		{"gotify", "gotify://HOST/A" + hidden + "000?disabletls=yes", unauthorized, true, ""},
		{"mattermost", "mattermost://HOST/" + hidden + "?disabletls=yes", unauthorized, true, "401 Unauthorized"},
		{"mattermost and nobody", "mattermost://HOST/" + hidden + "?disabletls=yes", nobody, false, "connection refused"},
		{"rocketchat", "rocketchat://HOST/" + hidden + "/" + hidden, nobody, false, "connection refused"},
		{"matrix", "matrix://u:" + hidden + "@HOST/?disableTLS=yes", unauthorized, true, ""},
		{"matrix and nobody", "matrix://u:" + hidden + "@HOST/?disableTLS=yes", nobody, false, "connection refused"},
		{"zulip and nobody, on which the library panics", "zulip://b%40x:" + hidden + "@" + hidden + ".invalid/?stream=" + hidden, "", false, "panicked"},
		{"smtp and nobody", mail, nobody, false, "connection refused"},
		{"smtp that refuses", mail, refusing.Addr().String(), true, "550"},
		{"smtp that is full", mail, full.Addr().String(), false, "452"},
		{"no such host", "ntfy://u:" + hidden + "@" + hidden + ".invalid/" + hidden, "", false, "no such host"},
	} {
		r, err := notify.New(notify.Options{URL: strings.Replace(tc.url, "HOST", tc.host, 1)})
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		err = r.Send(t.Context(), message())
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want an error with %q", tc.name, err, tc.want)
			continue
		}
		if strings.Contains(err.Error(), hidden) || tc.host != "" && strings.Contains(err.Error(), tc.host) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: something of the URL is shown: %v", tc.name, err)
		}
		if strings.Contains(err.Error(), credentials) {
			t.Errorf("%s: the user is shown: %v", tc.name, err)
		}
		if _, refused := errors.AsType[*alert.RefusedError](err); refused != tc.refused {
			t.Errorf("%s: a refusal: %v, want %v: %v", tc.name, refused, tc.refused, err)
		}
		t.Log(tc.name, "->", err)
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestNew_RefusesBadURLsAndDoesNotShowThem(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ url, want string }{
		{"", "begins with no kind of service"},
		{hidden, "begins with no kind of service"},
		{"http://h/" + hidden, "begins with no kind of service that there is; those are bark, discord, generic"},
		{"logger://" + hidden, "begins with no kind of service"},
		{hidden + "://x", "begins with no kind of service"},
		{"discord://%zz" + hidden, "cannot be read"},
		{"discord://" + hidden, "is not as discord needs it: "},
		{"discord+https://" + hidden, "is not as discord needs it: it takes no URL of another scheme"},
		{"telegram://" + hidden + "@telegram", "is not as telegram needs it: "},
		{"slack://" + hidden + "@x", "is not as slack needs it: "},
		{"smtp://h/?from=" + hidden, "is not as smtp needs it: "},
		{"ntfy://h/" + hidden + "?priority=" + hidden, "is not as ntfy needs it: "},
		{"matrix://u:" + hidden + "@127.0.0.1:1/?rooms=" + hidden + "&" + hidden + "=1", "is not as matrix needs it: "},
	} {
		_, err := notify.New(notify.Options{URL: tc.url})
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: got %v, want an error with %q", tc.url, err, tc.want)
		}
	}
	if kinds := notify.Kinds(); len(kinds) < 20 || slices.Contains(kinds, "logger") || !slices.IsSorted(kinds) {
		t.Errorf("got the kinds %v", kinds)
	}
}

func TestNew_ReachesNobody(t *testing.T) {
	t.Parallel()
	if _, err := notify.New(notify.Options{URL: "matrix://u:" + hidden + "@127.0.0.1:1/?disableTLS=yes"}); err != nil {
		t.Errorf("the server of a chat must be there at the start: %v", err)
	}
}

func TestReceiver_TriesThatHangEndWithTheirContextAndAreFew(t *testing.T) {
	t.Parallel()
	s := smtpServer(t, "")
	r, err := notify.New(notify.Options{URL: "smtp://" + s.Addr().String() + "/?from=a@example.com&to=b@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := r.Send(ctx, message())
		cancel()
		switch {
		case i < 4 && !errors.Is(err, context.DeadlineExceeded):
			t.Errorf("try %d: got %v, want that its time is over", i, err)
		case i >= 4 && (err == nil || err.Error() != "4 tries have not ended yet"):
			t.Errorf("try %d: got %v, want that there are enough", i, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("closed with %v while they hang", err)
	}
	s.hear()
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.Send(t.Context(), message()); err == nil || strings.Contains(err.Error(), "have not ended") {
		t.Errorf("got %v when those that hung have ended", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Send(ended, message()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v for a context that has ended", err)
	}
}

// It changes the clients of the process, so it is not parallel to any other.
func TestGuard_AsksBeforeEachConnectionAndFollowsNoRedirect(t *testing.T) {
	client, transport := http.DefaultClient, http.DefaultTransport
	t.Cleanup(func() { http.DefaultClient, http.DefaultTransport = client, transport })
	targets, err := probe.NewTargets(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	guarded := alert.NewClient(targets.Control)
	t.Cleanup(guarded.CloseIdleConnections)
	notify.Guard(guarded)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/"+hidden, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(s.Close)
	for url, want := range map[string]string{
		"generic+http://169.254.169.254/" + hidden:                       "is link-local: it is never connected to",
		"matrix://:x@169.254.169.254/?disableTLS=yes":                    "is link-local: it is never connected to",
		"matrix://:x@" + s.Listener.Addr().String() + "/?disableTLS=yes": "is link-local: it is never connected to", // by a redirect
	} {
		if err := receiver(t, url).Send(t.Context(), message()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: got %v, want %q", url, err, want)
		}
	}
}
