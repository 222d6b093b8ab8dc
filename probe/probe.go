// Package probe asks services from outside whether they are well: over HTTP,
// by a TCP connection, by the gRPC health protocol, or by a command.
//
//	p, err := probe.New(healthCheck, probe.Options{})
//	…
//	defer p.Close()
//	err = p.Check(ctx) // nil: healthy
//
// # Promises
//
//  1. A check ends with its context, or with the timeout of its section where
//     the context has no deadline, whatever the other side does.
//  2. What the other side sends is read up to 64 KiB, what a command prints is
//     kept up to 4 KiB, and nothing is left open or running after a check but
//     one idle connection.
//  3. An error is one short line for people. It has no header, no password, no
//     query and no argument of a command in it.
//  4. Proxies that the environment names are not used: what is checked is the
//     service.
//  5. Every address is judged by Options.Control when it is dialled, after its
//     name was resolved: that of a redirect and of a reconnection too.
package probe

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/degenduel/switchgear/config"
)

// Options are what a probe needs beside the health check. The zero Options are
// good.
type Options struct {
	// Version is the program's, for the User-Agent: switchgear/<version>;
	// default dev.
	Version string

	// Control, if not nil, sees every address that is about to be connected
	// to, after its name was resolved, and may refuse it with an error; see
	// net.Dialer. It is called for redirects and reconnections too. That of
	// Targets keeps checks away from where they have no business; without it
	// they go everywhere.
	Control func(network, address string, c syscall.RawConn) error

	// Inject, if not nil, may add headers to each request of a check over HTTP, such
	// as those that say which trace it is a part of. The section's own headers are
	// there already.
	Inject func(ctx context.Context, h http.Header)

	// Resolver looks up the names of hosts; nil: that of the system.
	Resolver *net.Resolver

	// RootCAs are whom a server's certificate must be signed by; nil: those of
	// the system.
	RootCAs *x509.CertPool
}

func (o Options) userAgent() string {
	if o.Version == "" {
		return "switchgear/dev"
	}
	return "switchgear/" + o.Version
}

// checker is one way to ask.
type checker interface {
	check(ctx context.Context) error
	close() error
}

// Probe checks one service. It is safe for concurrent use.
type Probe struct {
	what    string
	timeout time.Duration
	checker checker
}

// errNone is the answer of a Probe that New did not make.
var errNone = errors.New("probe: there is no health check")

// New makes the probe of a health check. The error is a *config.FieldsError if
// the health check is not valid.
func New(hc config.HealthCheck, opts Options) (*Probe, error) {
	if err := hc.Validate(); err != nil {
		return nil, err
	}
	p := &Probe{what: hc.String(), timeout: hc.Timeout}
	if p.timeout == 0 {
		p.timeout = config.DefaultCheckTimeout
	}
	dialer := &net.Dialer{Control: opts.Control, Resolver: opts.Resolver}
	var err error
	switch {
	case hc.HTTP != nil:
		p.checker, err = newHTTP(hc.HTTP, dialer, opts)
	case hc.TCP != nil:
		p.checker = &tcpChecker{dialer: dialer, address: hc.TCP.Address}
	case hc.GRPC != nil:
		p.checker = newGRPC(hc.GRPC, dialer, opts)
	default:
		p.checker = &commandChecker{argv: hc.Command.Argv}
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Check asks once. nil is healthy. The error wraps its cause, so that it is
// context.DeadlineExceeded or context.Canceled where that ended the check.
func (p *Probe) Check(ctx context.Context) error {
	if p == nil || p.checker == nil {
		return errNone
	}
	start := time.Now()
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, start.Add(p.timeout))
		defer cancel()
	}
	err := p.checker.check(ctx)
	if err == nil {
		return nil
	}
	failed := &checkError{what: p.what, reason: reason(ctx, err, start), cause: err}
	if ended := ctx.Err(); ended != nil && !isVerdict(err) && !errors.Is(err, ended) {
		failed.cause = fmt.Errorf("%w: %w", ended, err)
	}
	return failed
}

// Close lets go of what is kept between checks. A check that runs meanwhile may
// fail; later ones do.
func (p *Probe) Close() error {
	if p == nil || p.checker == nil {
		return nil
	}
	return p.checker.close()
}
