// Package pgnotify is a [fleet.Bus] over LISTEN and NOTIFY of PostgreSQL, through
// two connections of its own: one listens, one tells.
//
// The connections must end at a primary server, and not in a pool that hands out
// sessions by transaction: nobody listens there. PostgreSQL keeps what is told
// until every listener has read it, so a node that stands still, but not dead,
// for very long fills a queue of 8 GB for all.
package pgnotify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/degenduel/switchgear/bus/internal/link"
	"github.com/degenduel/switchgear/fleet"
)

// DefaultChannel is what the nodes listen to where nothing else is said.
const DefaultChannel = "switchgear"

// Config is how a bus finds the others.
type Config struct {
	// URL is the database, as pgx reads it: postgres://user@host:5432/name. All
	// nodes have the same.
	URL string

	// Channel is the name that is listened to, [a-z_][a-z0-9_]{0,62}. Default
	// DefaultChannel.
	Channel string

	// Logger is told of connections that come and go. nil: nobody is.
	Logger *slog.Logger
}

var channelForm = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// Open is a bus that looks for the database from now on. The error is of a Config
// that cannot be, and has no secret in it; a database that is not there is none.
func Open(c Config) (fleet.Bus, error) {
	if c.Channel == "" {
		c.Channel = DefaultChannel
	}
	if !channelForm.MatchString(c.Channel) {
		return nil, fmt.Errorf("pgnotify: the channel %q does not match %s", c.Channel, channelForm)
	}
	config, err := pgx.ParseConfig(c.URL)
	if err != nil { // which shows the URL
		return nil, errors.New("pgnotify: the URL is not that of a PostgreSQL database, such as postgres://user@host:5432/name")
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "switchgear bus"
	}
	config.ConnectTimeout = link.AnswerWithin
	b := bus{config: config, channel: c.Channel}
	return link.Open(b.session, c.Logger), nil
}

// Encode writes hints for a NOTIFY of somebody else, one for each payload in their
// order, such as one that commits with what it tells of:
//
//	SELECT pg_notify('switchgear', $1)
//
// The error is the Invalid one of a hint that fails its Check.
func Encode(hints ...fleet.Hint) (payloads []string, err error) {
	for _, h := range hints {
		if err := h.Check(); err != nil {
			return nil, err
		}
	}
	return link.Encode(hints)
}

// tryIt is a query of nothing.
const tryIt = "-- alive"

type bus struct {
	config  *pgx.ConnConfig
	channel string
}

// session is one pair of connections; see [link.Session].
func (b bus) session(ctx context.Context, l *link.Link) error {
	ctx, kill := context.WithCancel(ctx)
	defer kill()
	hears, err := connect(ctx, b.config)
	if err != nil {
		return err
	}
	defer end(hears)
	defer kill()
	tells, err := connect(ctx, b.config)
	if err != nil {
		return err
	}
	defer end(tells)
	defer kill()
	if err := exec(ctx, hears, "LISTEN "+b.channel); err != nil {
		return err
	}
	l.Up()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return hear(ctx, hears, l) })
	group.Go(func() error {
		return l.Send(ctx, func(ctx context.Context, hints []fleet.Hint) error { return b.tell(ctx, tells, hints) })
	})
	return group.Wait()
}

// hear passes on what comes until the connection or ctx ends.
func hear(ctx context.Context, c *pgx.Conn, l *link.Link) error {
	for {
		waiting, cancel := context.WithTimeout(ctx, link.Idle)
		n, err := c.WaitForNotification(waiting)
		silent := waiting.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case err == nil:
			l.Deliver([]byte(n.Payload))
		case !silent:
			return err
		default: // the connection may be dead, and nobody said so
			if err := exec(ctx, c, tryIt); err != nil {
				return err
			}
		}
	}
}

// tell sends hints in one statement, and nothing to try the connection.
func (b bus) tell(ctx context.Context, c *pgx.Conn, hints []fleet.Hint) error {
	if len(hints) == 0 {
		return exec(ctx, c, tryIt)
	}
	payloads, err := link.Encode(hints)
	if err != nil {
		return err
	}
	return exec(ctx, c, "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS t(payload)", b.channel, payloads)
}

func exec(ctx context.Context, c *pgx.Conn, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, link.AnswerWithin)
	defer cancel()
	_, err := c.Exec(ctx, query, args...)
	return err
}
