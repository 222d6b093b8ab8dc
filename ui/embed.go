// Package ui is the dashboard: a program of a web page, built from src into dist
// (npm run build), and the handler that serves it.
//
// # Promises
//
//  1. A page gets its program, its styles and what it shows from this server
//     alone, runs nothing that stands in its own text, and is shown in no frame
//     (Content-Security-Policy).
//  2. What has a hash in its name is kept by browsers for good; the page that
//     names it is not, so that a new version is there with the next load.
//  3. Nothing is served but what was built.
package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed all:dist
var dist embed.FS

// pages are the paths at which the program starts, as patterns of a mux: it
// finds by itself which of its pages is meant.
var pages = []string{"/{$}", "/service/{service}", "/map", "/alerts", "/events", "/audit", "/tokens", "/server"}

const (
	index     = "/index.html"
	assetsDir = "/assets/"

	policy = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

	// A name with a hash means one content for ever; a year is as long as
	// caches keep anything.
	immutable = "public, max-age=31536000, immutable"
)

// file is one of dist.
type file struct {
	media  string
	plain  []byte
	packed []byte // with gzip; nil where that makes it no smaller
	etag   string // without quotes
}

// files are those of dist, by the path that they are served at.
var files = sync.OnceValue(func() map[string]*file {
	all := make(map[string]*file)
	err := fs.WalkDir(dist, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := dist.ReadFile(name)
		if err == nil {
			all[strings.TrimPrefix(name, "dist")] = newFile(name, content)
		}
		return err
	})
	if err != nil {
		panic(err) // they are in this program
	}
	return all
})

func newFile(name string, content []byte) *file {
	sum := sha256.Sum256(content)
	f := &file{media: mediaOf(name), plain: content, etag: hex.EncodeToString(sum[:16])}
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // a level that there is
	_, _ = w.Write(content)                                    // a Buffer never fails
	_ = w.Close()
	if packed.Len() < len(content)*9/10 {
		f.packed = packed.Bytes()
	}
	return f
}

// media are the types of what a build can hold, which are not the machine's to
// say.
var media = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".woff2": "font/woff2",
	".json": "application/json", ".map": "application/json", ".webmanifest": "application/manifest+json",
	".txt": "text/plain; charset=utf-8",
}

func mediaOf(name string) string {
	if m, ok := media[path.Ext(name)]; ok {
		return m
	}
	return "application/octet-stream"
}

// Paths are where the Handler is to be mounted, as patterns of a mux without a
// method: the pages, and each file that was built. At other paths there is
// nothing.
func Paths() []string {
	paths := slices.Clone(pages)
	for name := range files() {
		if name != index {
			paths = append(paths, name)
		}
	}
	slices.Sort(paths)
	return paths
}

// Handler serves the files that were built, and at every other path the page,
// for GET and HEAD. It sets its own Content-Security-Policy and caching.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	f, ok := files()[r.URL.Path]
	h := w.Header()
	switch {
	case !ok || r.URL.Path == index:
		f = files()[index]
		h.Set("Cache-Control", "no-store")
	case strings.HasPrefix(r.URL.Path, assetsDir):
		h.Set("Cache-Control", immutable)
	default: // its name has no hash
		h.Set("Cache-Control", "no-cache")
	}
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", f.media)
	body, etag := f.plain, f.etag
	if f.packed != nil {
		h.Set("Vary", "Accept-Encoding")
		if r.Header.Get("Range") == "" && acceptsGzip(r) { // a part is one of the file as it is
			body, etag = f.packed, f.etag+"-gzip"
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", strconv.Quote(etag))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// acceptsGzip reports whether the request says so (RFC 9110, section 12.5.3).
func acceptsGzip(r *http.Request) bool {
	accepted := false
	for _, value := range r.Header.Values("Accept-Encoding") {
		for word := range strings.SplitSeq(value, ",") {
			name, params, err := mime.ParseMediaType(strings.TrimSpace(word))
			if err != nil || name != "gzip" && name != "*" {
				continue
			}
			weight, err := strconv.ParseFloat(params["q"], 64)
			ok := params["q"] == "" || err == nil && weight > 0
			if name == "gzip" {
				return ok
			}
			accepted = ok
		}
	}
	return accepted
}
