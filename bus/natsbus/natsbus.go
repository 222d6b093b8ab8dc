// Package natsbus is a [fleet.Bus] over NATS core, without JetStream: what is told
// while a node is away is not kept for it, and it looks into the store instead.
package natsbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/degenduel/switchgear/bus/internal/link"
	"github.com/degenduel/switchgear/fleet"
)

// DefaultPrefix is what the subject begins with where nothing else is said.
const DefaultPrefix = "switchgear"

// Config is how a bus finds the others.
type Config struct {
	// URL is one server or several with commas between: nats://, tls://, ws:// or
	// wss://, with a user and password or a token where the server wants one:
	// nats://user:password@host:4222. List every server of a cluster; all nodes
	// have the same cluster.
	URL string

	// Prefix is what the subject, PREFIX.hints, begins with: words of
	// [A-Za-z0-9_-] with dots between, of up to 128 bytes. The account must be
	// allowed to publish and to subscribe there. Default DefaultPrefix.
	Prefix string

	// Credentials is a file of credentials as nsc writes it. Empty: none.
	Credentials string

	// CA is a file of the certificates, in PEM, that the server's must be signed
	// by. Empty: the system's.
	CA string

	// Certificate and Key are files of the node's own certificate and key, in
	// PEM. Both or neither.
	Certificate, Key string

	// Logger is told of connections that come and go. nil: nobody is.
	Logger *slog.Logger
}

var prefixForm = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// Open is a bus that looks for the servers from now on. The error is of a Config
// that cannot be, and has no secret in it; servers that are not there are none, nor
// are files that cannot be read: they are read anew for each connection.
func Open(c Config) (fleet.Bus, error) {
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	switch {
	case len(c.Prefix) > 128 || !prefixForm.MatchString(c.Prefix):
		return nil, errors.New("natsbus: the prefix must be words of [A-Za-z0-9_-] with dots between, of up to 128 bytes")
	case (c.Certificate == "") != (c.Key == ""):
		return nil, errors.New("natsbus: a certificate needs its key, and a key its certificate")
	}
	if err := checkURL(c.URL); err != nil {
		return nil, err
	}
	return link.Open(c.session, c.Logger), nil
}

// checkURL shows nothing of the URL: it may have a password.
func checkURL(all string) error {
	for one := range strings.SplitSeq(all, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Hostname() == "" {
			return errors.New("natsbus: the URL is not one of a server, such as nats://127.0.0.1:4222, or several with commas between")
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			return errors.New("natsbus: the URL must begin with nats://, tls://, ws:// or wss://")
		}
	}
	return nil
}

// session is one connection; see [link.Session]. nats.go could look for the server
// again itself, but a bus must know of each connection, and what was told of
// before it.
func (c Config) session(ctx context.Context, l *link.Link) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	closed := make(chan struct{})
	nc, err := nats.Connect(c.URL, c.options(ctx, end, closed, l)...)
	if err != nil {
		return fmt.Errorf("nats: %w", trimmed(err))
	}
	defer func() {
		end(nil) // a server that takes nothing holds up nothing
		nc.Close()
		<-closed
	}()
	subject := c.Prefix + ".hints"
	if _, err := nc.Subscribe(subject, func(m *nats.Msg) { l.Deliver(m.Data) }); err != nil {
		return fmt.Errorf("nats: %w", trimmed(err))
	}
	if err := confirm(ctx, nc); err != nil {
		return err
	}
	l.Up()
	err = l.Send(ctx, func(ctx context.Context, hints []fleet.Hint) error { return tell(ctx, nc, subject, hints) })
	if errors.Is(err, context.Canceled) {
		return context.Cause(ctx)
	}
	return err
}

// tell sends hints, and waits until the server has them.
func tell(ctx context.Context, nc *nats.Conn, subject string, hints []fleet.Hint) error {
	payloads, err := link.Encode(hints)
	if err != nil {
		return err
	}
	for _, p := range payloads {
		if err := nc.Publish(subject, []byte(p)); err != nil {
			return fmt.Errorf("nats: %w", trimmed(err))
		}
	}
	return confirm(ctx, nc)
}

// confirm waits until the server has done what it was sent, and reports what it
// did not like, or why the connection has ended.
func confirm(ctx context.Context, nc *nats.Conn) error {
	waiting, cancel := context.WithTimeout(ctx, link.AnswerWithin)
	defer cancel()
	err := nc.FlushWithContext(waiting)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if refused := nc.LastError(); errors.Is(refused, nats.ErrPermissionViolation) {
		err = refused
	}
	if err != nil {
		return fmt.Errorf("nats: %w", trimmed(err))
	}
	return nil
}
