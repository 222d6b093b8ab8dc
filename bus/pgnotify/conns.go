package pgnotify

import (
	"context"
	"net"

	"github.com/jackc/pgx/v5"

	"github.com/degenduel/switchgear/bus/internal/link"
)

// connect is a connection that lasts no longer than alive. pgx ends one that
// failed in the background, for up to 15 s, and dials anew to say that nothing is
// to go on; so all that is dialled ends with alive, and none is dialled after it.
func connect(alive context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	config = config.Copy()
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(alive, cancel)()
		c, err := dial(ctx, network, address)
		if err == nil {
			context.AfterFunc(alive, func() { _ = c.Close() })
		}
		return c, err
	}
	ctx, cancel := context.WithTimeout(alive, link.AnswerWithin)
	defer cancel()
	return pgx.ConnectConfig(ctx, config)
}

// end waits until nothing of a connection is left. It is called when what it lives
// with has ended.
func end(c *pgx.Conn) {
	_ = c.Close(context.Background())
	<-c.PgConn().CleanupDone()
}
