package config

import (
	"encoding/json"
	"math"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/degenduel/switchgear/internal/strict"
)

// DefaultCheckTimeout is how long a health check may take where its section
// does not say.
const DefaultCheckTimeout = 5 * time.Second

const (
	minCheckTimeout = time.Millisecond
	maxCheckTimeout = time.Hour

	// zeroTimeout is a zero that was said, which is no default: Validate
	// refuses it. No milliseconds make it.
	zeroTimeout time.Duration = math.MinInt64
)

// HealthCheck is how to ask a service from outside whether it is well: exactly
// one of HTTP, TCP, GRPC and Command is set.
//
//	{ "http": {…} | "tcp": {…} | "grpc": {…} | "command": {…}, "timeoutMs" }
type HealthCheck struct {
	HTTP    *HTTPCheck
	TCP     *TCPCheck
	GRPC    *GRPCCheck
	Command *CommandCheck

	// Timeout is when a check that has not ended has failed. 1 ms to 1 h;
	// default DefaultCheckTimeout, which is put in when a section is read.
	Timeout time.Duration
}

// HTTPCheck asks for a page.
type HTTPCheck struct {
	// URL is absolute, http or https, at most 2 048 bytes. A user and password
	// in it are sent as basic authentication, and shown nowhere.
	URL string `json:"url"`

	// Method is GET, HEAD, POST, PUT or OPTIONS; default GET. No body is sent.
	Method string `json:"method,omitempty"`

	// Headers are sent along: up to 32, of up to 4 096 bytes each. Those that
	// frame the message (Content-Length, Connection, …) are refused.
	Headers map[string]string `json:"headers,omitempty"`

	// ExpectStatus are the status codes of a healthy service, up to 50 of 200
	// to 599; none: 200 to 299.
	ExpectStatus Statuses `json:"expectStatus,omitempty"`

	// ExpectBody is a text that the first 64 KiB of the answer must contain,
	// up to 1 024 bytes; empty: any answer will do.
	ExpectBody string `json:"expectBody,omitempty"`
}

// TCPCheck opens a connection and closes it.
type TCPCheck struct {
	// Address is a host and a port, such as 127.0.0.1:5432 or [::1]:5432.
	Address string `json:"address"`
}

// GRPCCheck calls Check of grpc.health.v1.Health.
type GRPCCheck struct {
	// Address is a host and a port.
	Address string `json:"address"`

	// Service is the name to ask for, up to 256 bytes; empty asks for the
	// server as a whole.
	Service string `json:"service,omitempty"`

	// TLS encrypts the connection and verifies the server.
	TLS bool `json:"tls,omitempty"`
}

// CommandCheck runs a program on the manager's machine; exit status 0 is
// healthy.
type CommandCheck struct {
	// Argv is the program, by its path or to be found on PATH, and its
	// arguments: 1 to 64 of up to 4 096 bytes. There is no shell.
	Argv []string `json:"argv"`
}

// Statuses are HTTP status codes: in JSON a number, or a list of them.
type Statuses []int

// UnmarshalJSON reads a number or a list.
func (s *Statuses) UnmarshalJSON(data []byte) error {
	switch {
	case string(data) == "null":
		return nil
	case data[0] == '[':
		return strict.Decode(data, (*[]int)(s), strict.Options{})
	}
	var one int
	if err := strict.Decode(data, &one, strict.Options{}); err != nil {
		return err
	}
	*s = Statuses{one}
	return nil
}

// MarshalJSON writes one code as a number, and more as a list.
func (s Statuses) MarshalJSON() ([]byte, error) {
	if len(s) == 1 {
		return []byte(strconv.Itoa(s[0])), nil
	}
	return json.Marshal([]int(s))
}

// Has reports whether a healthy service answers with the code.
func (s Statuses) Has(code int) bool {
	if len(s) == 0 {
		return code >= 200 && code <= 299
	}
	return slices.Contains(s, code)
}

// String is for people: 2xx, or the codes.
func (s Statuses) String() string {
	if len(s) == 0 {
		return "2xx"
	}
	codes := make([]string, len(s))
	for i, c := range s {
		codes[i] = strconv.Itoa(c)
	}
	return strings.Join(codes, " or ")
}

// checkJSON is a HealthCheck as it is written.
type checkJSON struct {
	HTTP      *HTTPCheck    `json:"http,omitempty"`
	TCP       *TCPCheck     `json:"tcp,omitempty"`
	GRPC      *GRPCCheck    `json:"grpc,omitempty"`
	Command   *CommandCheck `json:"command,omitempty"`
	TimeoutMs *float64      `json:"timeoutMs,omitempty"`
}

// MarshalJSON writes the check with its timeout.
func (h HealthCheck) MarshalJSON() ([]byte, error) {
	timeout := inMs(h.timeout())
	return json.Marshal(checkJSON{h.HTTP, h.TCP, h.GRPC, h.Command, &timeout})
}

// UnmarshalJSON reads a check, strictly, and leaves its ranges to Validate.
func (h *HealthCheck) UnmarshalJSON(data []byte) error {
	var doc checkJSON
	err := strict.Decode(data, &doc, strict.Options{})
	*h = HealthCheck{HTTP: doc.HTTP, TCP: doc.TCP, GRPC: doc.GRPC, Command: doc.Command, Timeout: DefaultCheckTimeout}
	if doc.TimeoutMs != nil {
		h.Timeout = milliseconds(*doc.TimeoutMs)
		if h.Timeout == 0 {
			h.Timeout = zeroTimeout
		}
	}
	return err
}

func (h HealthCheck) timeout() time.Duration {
	if h.Timeout == 0 {
		return DefaultCheckTimeout
	}
	return h.Timeout
}

// String is what is asked, for people, without anything that may be a secret:
// a URL without user and query, a command without its arguments.
func (h HealthCheck) String() string {
	switch {
	case h.HTTP != nil:
		return h.HTTP.method() + " " + redact(h.HTTP.URL)
	case h.TCP != nil:
		return "tcp " + h.TCP.Address
	case h.GRPC != nil:
		return strings.TrimSpace("grpc " + h.GRPC.Address + " " + h.GRPC.Service)
	case h.Command != nil && len(h.Command.Argv) > 0:
		return "command " + filepath.Base(h.Command.Argv[0])
	}
	return "no health check"
}

func (c *HTTPCheck) method() string {
	if c.Method == "" {
		return "GET"
	}
	return c.Method
}

// redact leaves of a URL what tells where it leads.
func redact(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(not a URL)"
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.RawQuery != "" {
		return shown.String() + "?…"
	}
	return shown.String()
}
