package main

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestProxyScripts runs the proxy as a process, with a real upstream and the
// real manager. The upstream answers with the status that its path is.
func TestProxyScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/proxy",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if status, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/")); err == nil {
					w.WriteHeader(status)
				}
			}))
			env.Defer(upstream.Close)
			env.Setenv("UPSTREAM", upstream.URL)
			env.Setenv("GORACE", os.Getenv("GORACE"))
			env.Values[managerKey{}] = &managerProcess{}
			env.Values[proxyKey{}] = &managerProcess{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "manager": startManager, "stop-manager": stopManager, "token": keepToken,
			"proxy": scriptProxy, "stop-proxy": stopScriptProxy, "fetch": scriptFetch, "await": scriptAwait,
			"await-page": scriptAwaitPage,
		},
	})
}

type proxyKey struct{}

// scriptProxy runs the proxy until stop-proxy, with the variables of the script,
// and says where it is in PROXY and ADMIN: proxy [FLAG …].
func scriptProxy(ts *testscript.TestScript, neg bool, args []string) {
	p, _ := ts.Value(proxyKey{}).(*managerProcess)
	if neg || p.command != nil {
		ts.Fatalf("usage: proxy [FLAG …], once")
	}
	p.log.Reset()
	cmd := exec.Command("switchgear", append([]string{"proxy"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"SWITCHGEAR_LISTEN=127.0.0.1:0"}
	for _, name := range []string{"PATH", "GORACE", "SWITCHGEAR_URL", "SWITCHGEAR_TOKEN_FILE", "SWITCHGEAR_SERVICE", "SWITCHGEAR_UPSTREAM"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	cmd.Stderr = &p.log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	p.command = cmd
	ts.Defer(func() {
		if p.command != nil {
			_ = cmd.Process.Kill() // the script has failed before it stopped it
			_ = cmd.Wait()
			ts.Logf("[proxy]\n%s", &p.log)
		}
	})
	lines := bufio.NewScanner(out)
	for _, line := range []struct{ prefix, variable string }{{"listening on ", "PROXY"}, {"state on ", "ADMIN"}} {
		lines.Scan()
		where, ok := strings.CutPrefix(lines.Text(), line.prefix)
		if !ok {
			ts.Fatalf("it says %q, want %s…", lines.Text(), line.prefix)
		}
		ts.Setenv(line.variable, strings.TrimSuffix(where, "/state"))
	}
}

// stopScriptProxy ends the proxy, which must take it well, and shows its log.
func stopScriptProxy(ts *testscript.TestScript, neg bool, args []string) {
	p, _ := ts.Value(proxyKey{}).(*managerProcess)
	if neg || len(args) > 0 || p.command == nil {
		ts.Fatalf("usage: stop-proxy, after proxy")
	}
	ts.Check(p.command.Process.Signal(syscall.SIGTERM))
	err := p.command.Wait()
	p.command = nil
	ts.Logf("[proxy]\n%s", &p.log)
	ts.Check(os.WriteFile(ts.MkAbs("proxy.log"), []byte(p.log.String()), 0o600))
	if err != nil {
		ts.Fatalf("the proxy ended with %v", err)
	}
}

// scriptFetch gets a page: fetch STATUS URL.
func scriptFetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fetch STATUS URL")
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patient}
	resp, err := client.Get(args[1])
	ts.Check(err)
	defer resp.Body.Close() //nolint:errcheck // not read
	if got := strconv.Itoa(resp.StatusCode); got != args[0] {
		ts.Fatalf("the answer is %s, want %s", resp.Status, args[0])
	}
}

// scriptAwait runs a command until its output matches: await PATTERN COMMAND
// [ARG …].
func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await PATTERN COMMAND [ARG …]")
	}
	want := regexp.MustCompile("(?m)" + args[0])
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); ; <-tick.C {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Since(begun) > patient {
			ts.Fatalf("it never says %s; the last try ended with %v", args[0], err)
		}
	}
}

// scriptAwaitPage gets a page until it is so, its status first: await-page PATTERN
// URL.
func scriptAwaitPage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await-page PATTERN URL")
	}
	want := regexp.MustCompile(args[0])
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patient}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); ; <-tick.C {
		resp, err := client.Get(args[1])
		ts.Check(err)
		body, err := io.ReadAll(resp.Body)
		ts.Check(err)
		_ = resp.Body.Close()
		if page := strconv.Itoa(resp.StatusCode) + " " + string(body); want.MatchString(page) {
			return
		} else if time.Since(begun) > patient {
			ts.Fatalf("it never is %s, but %s", args[0], page)
		}
	}
}
