package alert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

const (
	dialTimeout    = 10 * time.Second
	idleTimeout    = time.Minute
	maxIdle        = 100      // connections
	maxIdleHost    = 2        // connections
	maxAnswerHead  = 64 << 10 // bytes
	maxAnswerBody  = 4 << 10  // bytes
	answerBodyTime = time.Second
	maxRetryAfter  = 24 * time.Hour
)

// NewClient makes the client that receivers are reached with: it follows no
// redirect, takes no proxy from the environment, gives up after 30 s, and asks
// control, which may be nil, before each connection: see net.Dialer.
func NewClient(control func(network, address string, c syscall.RawConn) error) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, Control: control}
	return &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: stay,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    dialTimeout,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           maxIdle,
			MaxIdleConnsPerHost:    maxIdleHost,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxAnswerHead,
		},
	}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Do sends a request to a receiver, and returns nil for any status of 2xx. A
// redirect is never followed. The error has nothing of the URL in it but the
// host, for the rest may be secret. It is a [RefusedError] where the receiver
// works and does not want this request: for 4xx but 408, 425 and 429, and for
// what comes with Retry-After.
func Do(client *http.Client, req *http.Request) error {
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	c := *client
	c.CheckRedirect = stay
	resp, err := c.Do(req.WithContext(ctx)) //nolint:gosec // the operator says where to, and the client's dialer whether
	if err != nil {
		return unnamed(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	// So that the connection can be used again, if the rest comes at once.
	late := time.AfterFunc(answerBodyTime, cancel)
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswerBody)
	late.Stop()
	return judge(resp)
}

// judge is what an answer means.
func judge(resp *http.Response) error {
	code := resp.StatusCode
	if code >= 200 && code <= 299 {
		return nil
	}
	if code >= 300 && code <= 399 {
		return fmt.Errorf("answered with the redirect %s, which is not followed", status(code))
	}
	err := fmt.Errorf("answered with %s", status(code))
	after := retryAfter(resp.Header.Get("Retry-After"), time.Now())
	again := code >= 500 || code == http.StatusRequestTimeout || code == http.StatusTooEarly || code == http.StatusTooManyRequests
	if again && after == 0 {
		return err
	}
	return &RefusedError{RetryAfter: after, Err: err}
}

func status(code int) string {
	if text := http.StatusText(code); text != "" {
		return strconv.Itoa(code) + " " + text
	}
	return strconv.Itoa(code)
}

// retryAfter is how long an answer asks to wait: seconds or a date. 0: it does
// not, or not so that it can be understood.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(max(0, min(seconds, int64(maxRetryAfter/time.Second)))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, min(at.Sub(now), maxRetryAfter))
	}
	return 0
}

// unnamed is an error without the URL that package http puts before it.
func unnamed(err error) error {
	if of, ok := errors.AsType[*url.Error](err); ok {
		if of.Timeout() {
			return fmt.Errorf("no answer in time: %w", of.Err)
		}
		return of.Err
	}
	return err
}
