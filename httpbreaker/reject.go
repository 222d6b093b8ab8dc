package httpbreaker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/degenduel/switchgear"
)

// Unavailable is a rejection as an answer: 503 Service Unavailable with a
// Retry-After of whole seconds, rounded up, and a body of
// application/problem+json (RFC 9457), or of text where the request asks for
// text and not for JSON. It tells the service and its state, but no errors. It
// is meant for Transport.Reject.
func Unavailable(req *http.Request, open *switchgear.OpenError) *http.Response {
	header := make(http.Header)
	content := describe(header, req, open)
	resp := &http.Response{
		Status:     "503 " + http.StatusText(http.StatusServiceUnavailable),
		StatusCode: http.StatusServiceUnavailable,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, ContentLength: int64(len(content)), Request: req,
		Body: http.NoBody,
	}
	if req.Method != http.MethodHead {
		resp.Body = io.NopCloser(bytes.NewReader(content))
	}
	return resp
}

// refuse is Unavailable by a handler.
func refuse(w http.ResponseWriter, req *http.Request, open *switchgear.OpenError) {
	header := w.Header()
	for _, name := range []string{"Content-Length", "Etag", "Last-Modified"} {
		header.Del(name) // it was said of another answer
	}
	content := describe(header, req, open)
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write(content) // the client may have gone
}

// describe sets the header of a rejection and returns its body.
func describe(header http.Header, req *http.Request, open *switchgear.OpenError) []byte {
	wait := open.RetryAfter()
	seconds := max(int64((wait+time.Second-1)/time.Second), 1)
	state := open.State.String()
	if open.Mode != switchgear.Auto {
		state = open.Mode.String()
	}
	detail := fmt.Sprintf("%s is not asked: its circuit is %s; come again in %d s", open.Service, state, seconds)
	header.Set("Retry-After", strconv.FormatInt(seconds, 10))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if wantsText(req.Header.Get("Accept")) {
		header.Set("Content-Type", "text/plain; charset=utf-8")
		return []byte(detail + "\n")
	}
	header.Set("Content-Type", "application/problem+json")
	content, _ := json.Marshal(struct { //nolint:errchkjson // there is nothing in it that cannot be written
		Type         string `json:"type"`
		Title        string `json:"title"`
		Status       int    `json:"status"`
		Detail       string `json:"detail"`
		Service      string `json:"service"`
		State        string `json:"state"`
		RetryAfterMs int64  `json:"retry_after_ms"`
	}{
		"about:blank", http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable,
		detail, open.Service, state, max((wait + time.Millisecond - 1).Milliseconds(), 1),
	})
	return content
}

func wantsText(accept string) bool {
	return strings.Contains(accept, "text/") && !strings.Contains(accept, "json")
}
