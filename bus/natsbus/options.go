package natsbus

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/degenduel/switchgear/bus/internal/link"
)

// options are those of one connection, which lasts no longer than alive. end is
// told why it ended, and closed when it has.
func (c Config) options(alive context.Context, end context.CancelCauseFunc, closed chan struct{}, l *link.Link) []nats.Option {
	all := []nats.Option{
		nats.Name("switchgear"),
		nats.NoReconnect(), // see session
		nats.Timeout(link.AnswerWithin),
		nats.FlusherTimeout(link.AnswerWithin),
		nats.PingInterval(link.Idle),
		nats.MaxPingsOutstanding(1),
		nats.SetCustomDialer(dialer{alive}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { end(lost(err)) }),
		nats.ClosedHandler(func(*nats.Conn) {
			end(lost(nil))
			close(closed)
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrSlowConsumer) { // nats.go has dropped messages
				l.Miss()
				return
			}
			end(lost(err))
		}),
	}
	if c.Credentials != "" {
		all = append(all, nats.UserCredentials(c.Credentials))
	}
	if c.CA != "" {
		all = append(all, nats.RootCAs(c.CA))
	}
	if c.Certificate != "" {
		all = append(all, nats.ClientCert(c.Certificate, c.Key))
	}
	return all
}

func lost(err error) error {
	if err == nil {
		return errors.New("nats: the connection was lost")
	}
	return errors.New("nats: " + trimmed(err).Error())
}

// trimmed is err without the name that nats.go puts before most of its errors.
func trimmed(err error) error {
	if text, ok := strings.CutPrefix(err.Error(), "nats: "); ok {
		return errors.New(text)
	}
	return err
}

// dialer dials connections that end with alive.
type dialer struct {
	alive context.Context //nolint:containedctx // nats.go dials without one
}

// Dial is [nats.CustomDialer]'s.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: link.AnswerWithin}).DialContext(d.alive, network, address)
	if err == nil {
		context.AfterFunc(d.alive, func() { _ = c.Close() })
	}
	return c, err
}
