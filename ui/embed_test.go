package ui_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/ui"
)

// site is the handler, mounted as a server mounts it.
func site() http.Handler {
	mux, page := http.NewServeMux(), ui.Handler()
	for _, path := range ui.Paths() {
		mux.Handle("GET "+path, page)
	}
	return mux
}

// answer is what somebody was told.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// get asks for a path; headers are names and values in turn.
func get(method, path string, headers ...string) answer {
	r := httptest.NewRequest(method, "http://board.example/", http.NoBody)
	r.URL.Path = path
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	site().ServeHTTP(w, r)
	return answer{w.Code, w.Result().Header, w.Body.Bytes()}
}

// assets are the paths that the page names.
func assets(t *testing.T) []string {
	t.Helper()
	found := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllSubmatch(get("GET", "/").body, -1)
	var paths []string
	for _, m := range found {
		paths = append(paths, string(m[1]))
	}
	if !slices.ContainsFunc(paths, func(p string) bool { return strings.HasSuffix(p, ".js") }) {
		t.Fatalf("the page names no program: %q", paths)
	}
	return paths
}

// texts are the paths of what gets smaller when it is packed.
func texts(t *testing.T) []string {
	t.Helper()
	return append(slices.DeleteFunc(assets(t), func(p string) bool {
		return !strings.HasSuffix(p, ".js") && !strings.HasSuffix(p, ".css")
	}), "/")
}

func TestHandler_ServesThePageAtEachOfItsPaths(t *testing.T) {
	t.Parallel()
	page := get("GET", "/").body
	for _, path := range []string{"/", "/service/market_data:eu.1", "/map", "/alerts", "/events", "/audit", "/tokens", "/server"} {
		r := get("GET", path)
		if r.status != 200 || r.header.Get("Content-Type") != "text/html; charset=utf-8" || !bytes.Equal(r.body, page) {
			t.Errorf("%s: %d %v", path, r.status, r.header)
		}
		if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Etag") == "" {
			t.Errorf("%s: %v", path, r.header)
		}
	}
}

func TestHandler_KeepsWhatHasAHashForGood(t *testing.T) {
	t.Parallel()
	for _, path := range assets(t) {
		r := get("GET", path)
		if r.status != 200 || r.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || len(r.body) == 0 {
			t.Errorf("%s: %d %v", path, r.status, r.header)
		}
		want := map[string]string{"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
		if media, ok := want[path[strings.LastIndex(path, ".")+1:]]; ok && r.header.Get("Content-Type") != media {
			t.Errorf("%s is %s", path, r.header.Get("Content-Type"))
		}
		if !regexp.MustCompile(`-[A-Za-z0-9_-]{8}\.[a-z0-9]+$`).MatchString(path) {
			t.Errorf("%s is kept for good and has no hash in its name", path)
		}
	}
}

func TestHandler_LetsThePageRunNothingButItsOwn(t *testing.T) {
	t.Parallel()
	for _, path := range append(assets(t), "/", "/map") {
		r := get("GET", path)
		if got := r.header.Get("Content-Security-Policy"); got != "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'" {
			t.Errorf("%s: %s", path, got)
		}
		if r.header.Get("X-Content-Type-Options") != "nosniff" || r.header.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("%s: %v", path, r.header)
		}
	}
	// What that policy would stop, so that the page would not work.
	page := string(get("GET", "/").body)
	for what, form := range map[string]string{
		"a program in its text": `<script(?:\s[^>]*)?>\s*[^<\s]`, "styles in its text": `<style|\sstyle=`, "a handler in its text": `\son[a-z]+=`,
		"another server": `(?:src|href)="(?:[a-z]+:)?//`,
	} {
		if found := regexp.MustCompile(form).FindString(page); found != "" {
			t.Errorf("the page has %s: %s", what, found)
		}
	}
}

func TestHandler_ServesNothingElse(t *testing.T) {
	t.Parallel()
	script := assets(t)[slices.IndexFunc(assets(t), func(p string) bool { return strings.HasSuffix(p, ".js") })]
	for _, path := range []string{
		"/index.html", "/assets", "/assets/", "/assets/none.js", "/map/none.js", "/service/", "/service/a/b", "/service/assets" + script,
		"/storybook", "/embed.go", "/src/main.tsx", "/dist/index.html", "/node_modules/", "/favicon.ico", script + "/", script + ".map",
		"/assets/../embed.go", "/assets/..%2fembed.go", "/assets/%2e%2e/index.html", "/../ui/embed.go", "//index.html", "/.git/config",
	} {
		r := get("GET", path)
		redirected := r.status == http.StatusTemporaryRedirect || r.status == http.StatusMovedPermanently // the mux cleans a path
		if r.status != 404 && !redirected || strings.Contains(string(r.body), `id="app"`) {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if r := get(method, "/map"); r.status != 405 {
			t.Errorf("%s /map: %d", method, r.status)
		}
	}
}

func TestHandler_PacksForWhoTakesIt(t *testing.T) {
	t.Parallel()
	for _, path := range texts(t) {
		plain := get("GET", path)
		content := plain.body
		if plain.header.Get("Content-Encoding") != "" || plain.header.Get("Content-Length") != strconv.Itoa(len(content)) {
			t.Errorf("%s: %v", path, plain.header)
		}
		for accepted, want := range map[string]bool{
			"gzip": true, "br, GZIP;q=0.5": true, "*": true, "deflate, gzip": true,
			"br": false, "gzip;q=0": false, "gzip; q=0.000, *": false, "*;q=0": false, "x-gzipped": false, "gzip;q=x": false,
		} {
			packed := get("GET", path, "Accept-Encoding", accepted)
			if got := packed.header.Get("Content-Encoding") == "gzip"; got != want {
				t.Errorf("%s for %q: packed is %v", path, accepted, got)
			}
			if packed.header.Get("Vary") != "Accept-Encoding" || plain.header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s: a cache would give one for the other: %v", path, packed.header)
			}
			if !want {
				continue
			}
			if packed.header.Get("Etag") == plain.header.Get("Etag") {
				t.Errorf("%s: %s is two things", path, plain.header.Get("Etag"))
			}
			r, err := gzip.NewReader(bytes.NewReader(packed.body))
			if err != nil {
				t.Fatal(err)
			}
			if unpacked, err := io.ReadAll(r); err != nil || !bytes.Equal(unpacked, content) {
				t.Errorf("%s: %v, unpacked it is %d bytes of %d", path, err, len(unpacked), len(content))
			}
		}
	}
}

func TestHandler_AnswersHeadsPartsAndConditions(t *testing.T) {
	t.Parallel()
	for _, path := range texts(t) {
		content := get("GET", path).body
		for _, accepted := range []string{"", "gzip"} {
			full := get("GET", path, "Accept-Encoding", accepted)
			tag := full.header.Get("Etag")
			if head := get("HEAD", path, "Accept-Encoding", accepted); head.status != 200 || head.header.Get("Etag") != tag ||
				head.header.Get("Content-Type") != full.header.Get("Content-Type") {
				t.Errorf("HEAD %s: %d %v", path, head.status, head.header)
			}
			r := get("GET", path, "Accept-Encoding", accepted, "If-None-Match", tag)
			if r.status != 304 || len(r.body) > 0 || r.header.Get("Etag") != tag || r.header.Get("Vary") == "" {
				t.Errorf("%s, known: %d %v", path, r.status, r.header)
			}
			if r := get("GET", path, "Accept-Encoding", accepted, "If-None-Match", `"another"`); r.status != 200 {
				t.Errorf("%s, known otherwise: %d", path, r.status)
			}
			// A part is one of the whole as it is, never of what was packed.
			r = get("GET", path, "Accept-Encoding", accepted, "Range", "bytes=2-5")
			if r.status != 206 || !bytes.Equal(r.body, content[2:6]) || r.header.Get("Content-Encoding") != "" {
				t.Errorf("a part of %s: %d %v", path, r.status, r.header)
			}
			if accepted == "gzip" {
				r = get("GET", path, "Accept-Encoding", accepted, "Range", "bytes=2-5", "If-Range", tag)
				if r.status != 200 || !bytes.Equal(r.body, content) {
					t.Errorf("a part of the packed %s: %d", path, r.status)
				}
			}
		}
		if r := get("GET", path, "Range", "bytes=99999999-"); r.status != 416 {
			t.Errorf("a part beyond the end of %s: %d", path, r.status)
		}
	}
}
