package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// DefaultTimeout is how long a call may take where nobody says otherwise.
const DefaultTimeout = 10 * time.Second

// MaxAnswer is how large an answer, or a message of the stream, may be, in
// bytes.
const MaxAnswer = 64 << 20

// Options are what a Client can be told. The zero value is good.
type Options struct {
	// Timeout is how long a call may take if its context has no deadline, from
	// the connection to the last byte of the answer. Default DefaultTimeout.
	Timeout time.Duration

	// UserAgent is how the client names itself. Default "switchgear-client".
	UserAgent string

	// Transport carries the requests. Nil: connections of the client's own,
	// through the proxy of the environment, if there is one.
	Transport http.RoundTripper
}

// Client speaks to one manager. It is safe for concurrent use.
type Client struct {
	base      *url.URL
	token     string
	userAgent string
	timeout   time.Duration
	maxAnswer int64
	http      *http.Client
	own       *http.Transport // nil: Options gave one
}

// New makes a client of the manager at baseURL, which is http or https and may
// have a path, but neither user nor query. The token is shown with every
// request; empty: none is.
func New(baseURL, token string, opts Options) (*Client, error) {
	base, err := url.Parse(baseURL)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	switch {
	case base.Scheme != "http" && base.Scheme != "https", base.Hostname() == "":
		return nil, fmt.Errorf("client: %q is not an http:// or https:// URL", baseURL)
	case base.User != nil, base.RawQuery != "", base.Fragment != "":
		return nil, errors.New("client: the URL of a manager has no user, query and fragment")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("client: the token has a character that no token has")
	case opts.Timeout < 0:
		return nil, fmt.Errorf("client: the timeout %v is negative", opts.Timeout)
	}
	c := &Client{base: base, token: token, userAgent: opts.UserAgent, timeout: opts.Timeout, maxAnswer: MaxAnswer}
	if c.userAgent == "" {
		c.userAgent = "switchgear-client"
	}
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	transport := opts.Transport
	if transport == nil {
		c.own = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute}
		transport = c.own
	}
	c.http = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Close lets go of idle connections. The client can still be used.
func (c *Client) Close() {
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
}

// call is one request.
type call struct {
	method  string
	path    []string // segments under the base, not escaped
	query   url.Values
	body    any    // nil: none
	version int    // of If-Match; 0: none
	key     string // of Idempotency-Key; empty: none
}

// api is a path of the API.
func api(segments ...string) []string {
	return append([]string{"api", "v2"}, segments...)
}

// service is the path of a service, or of what is below it.
func service(name string, below ...string) []string {
	return api(append([]string{"services", name}, below...)...)
}

// do sends the request and reads the answer into out, unless that is nil.
func (c *Client) do(ctx context.Context, r call, out any) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	req, err := c.request(ctx, r)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	data, err := c.readAll(resp.Body)
	switch {
	case err != nil:
		return fmt.Errorf("client: the answer to %s %s: %w", r.method, req.URL, err)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return newError(resp, data)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("client: %s does not answer as a manager does: %w", req.URL, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, r call) (*http.Request, error) {
	// A segment that is empty or made of dots would be another resource.
	for _, segment := range r.path {
		if strings.Trim(segment, ".") == "" {
			return nil, fmt.Errorf("client: %q is no name of a service", segment)
		}
	}
	var body io.Reader
	if r.body != nil {
		var data bytes.Buffer
		encoder := json.NewEncoder(&data)
		encoder.SetEscapeHTML(false) // nobody shows it as a page
		if err := encoder.Encode(r.body); err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		body = bytes.NewReader(bytes.TrimSuffix(data.Bytes(), []byte("\n")))
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.url(r.path, r.query).String(), body)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	req.Header = c.header()
	req.Header.Set("Accept", "application/json")
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	if r.version != 0 {
		req.Header.Set("If-Match", strconv.Quote(strconv.Itoa(r.version)))
	}
	return req, nil
}

func (c *Client) url(path []string, query url.Values) *url.URL {
	escaped := make([]string, len(path))
	for i, segment := range path {
		escaped[i] = url.PathEscape(segment)
	}
	u := c.base.JoinPath(escaped...)
	u.RawQuery = query.Encode()
	return u
}

// header is what every request shows.
func (c *Client) header() http.Header {
	h := http.Header{"User-Agent": {c.userAgent}}
	if c.token != "" {
		h.Set("Authorization", "Bearer "+c.token)
	}
	return h
}

func (c *Client) readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, c.maxAnswer+1))
	if err == nil && int64(len(data)) > c.maxAnswer {
		err = fmt.Errorf("larger than %d bytes", c.maxAnswer)
	}
	return data, err
}
