package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/config"
)

const (
	maxBody      = 64 << 10
	maxHeader    = 64 << 10
	maxRedirects = 5

	// idleTimeout outlives the default interval, so that a check finds the
	// connection of the one before, and not by much: there may be thousands.
	idleTimeout = 45 * time.Second
)

// httpChecker sends one request. It has a client of its own, so that one
// service's connections are never another's.
type httpChecker struct {
	request   *http.Request // the pattern of all
	want      config.Statuses
	body      string
	client    http.Client
	transport *http.Transport
	inject    func(context.Context, http.Header)
	closed    atomic.Bool
}

func newHTTP(c *config.HTTPCheck, dialer *net.Dialer, opts Options) (*httpChecker, error) {
	method := c.Method
	if method == "" {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(context.Background(), method, c.URL, http.NoBody)
	if err != nil {
		return nil, errors.New("probe: the health check's URL cannot be used")
	}
	request.Header.Set("User-Agent", opts.userAgent())
	for name, value := range c.Headers {
		request.Header.Set(name, value)
	}
	request.Host = request.Header.Get("Host") // empty: that of the URL
	request.Header.Del("Host")
	h := &httpChecker{
		request: request, want: c.ExpectStatus, body: c.ExpectBody, inject: opts.Inject,
		transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: opts.RootCAs},
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           1,
			MaxResponseHeaderBytes: maxHeader,
			IdleConnTimeout:        idleTimeout,
			DisableCompression:     true, // 64 KiB read are 64 KiB sent
		},
	}
	h.client = http.Client{Transport: h.transport, CheckRedirect: h.redirect}
	return h, nil
}

// redirect follows within the host only, as where else it leads was not asked
// for, and never from https to http. What is not followed is the answer.
func (h *httpChecker) redirect(next *http.Request, via []*http.Request) error {
	from := via[len(via)-1].URL
	if h.want.Has(next.Response.StatusCode) || len(via) > maxRedirects ||
		next.URL.Host != from.Host || from.Scheme == "https" && next.URL.Scheme != "https" {
		return http.ErrUseLastResponse
	}
	next.Host = h.request.Host
	return nil
}

func (h *httpChecker) check(ctx context.Context) error {
	if h.closed.Load() {
		return errClosed
	}
	request := h.request.Clone(ctx)
	if h.inject != nil {
		h.inject(ctx, request.Header)
	}
	response, err := h.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if code := response.StatusCode; !h.want.Has(code) {
		if isRedirect(code) && response.Header.Get("Location") != "" {
			return verdictf("status %d, a redirect that is not followed, want %s", code, h.want)
		}
		return verdictf("status %d, want %s", code, h.want)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	switch {
	case err != nil:
		return fmt.Errorf("body: %w", err)
	case strings.Contains(string(body), h.body):
		return nil
	case len(body) == maxBody:
		return verdictf("the first %d KiB of the body do not contain %q", maxBody>>10, brief(h.body, maxReason))
	}
	return verdictf("the body does not contain %q", brief(h.body, maxReason))
}

func isRedirect(code int) bool { return code >= 300 && code <= 399 }

func (h *httpChecker) close() error {
	h.closed.Store(true)
	h.transport.CloseIdleConnections()
	return nil
}
