package sqlbreaker

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"

	"github.com/degenduel/switchgear"
)

// Options change what is counted. The zero Options are good.
type Options struct {
	// Classify says what an error of the driver means; nil is the function
	// Classify, and a failure for every error of connecting. It is not asked
	// about what the caller's own context ended, nor about driver.ErrBadConn
	// and driver.ErrSkip. It must be safe for concurrent use.
	Classify func(err error) switchgear.Outcome
}

// New wraps a connector: what it connects goes through b. Closing the sql.DB
// closes the connector inside, if it can be closed.
func New(inner driver.Connector, b *switchgear.Breaker, o Options) driver.Connector {
	c := &connector{inner, b, o}
	if closer, ok := inner.(io.Closer); ok {
		return &closingConnector{c, closer}
	}
	return c
}

// Open is sql.Open through b. The error is sql.Open's or the driver's.
func Open(driverName, dataSourceName string, b *switchgear.Breaker, o Options) (*sql.DB, error) {
	plain, err := sql.Open(driverName, dataSourceName) // connects to nothing
	if err != nil {
		return nil, err
	}
	d := plain.Driver()
	if err := plain.Close(); err != nil {
		return nil, err
	}
	var inner driver.Connector = dsnConnector{d, dataSourceName}
	if opens, ok := d.(driver.DriverContext); ok {
		if inner, err = opens.OpenConnector(dataSourceName); err != nil {
			return nil, err
		}
	}
	return sql.OpenDB(New(inner, b, o)), nil
}

// dsnConnector is the connector of a driver that has none.
type dsnConnector struct {
	driver driver.Driver
	name   string
}

func (c dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.name) }

func (c dsnConnector) Driver() driver.Driver { return c.driver }

type connector struct {
	inner   driver.Connector
	breaker *switchgear.Breaker
	options Options
}

// Connect is an operation of its own, or, where not everything is let in, the
// beginning of one.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	op, err := admit(ctx, c.breaker)
	if err != nil {
		return nil, err
	}
	defer op.lost()
	inner, err := c.inner.Connect(ctx)
	if err != nil {
		op.end(c.options.judgeConnect(ctx, err))
		return nil, err
	}
	wrapped, conn := wrapConn(inner, c.breaker, c.options)
	conn.followed(op)
	return wrapped, nil
}

func (c *connector) Driver() driver.Driver { return c.inner.Driver() }

type closingConnector struct {
	*connector
	io.Closer
}

// Unwrap is the driver's own connection of what sql.Conn.Raw hands out. Work
// done on it directly goes past the breaker. If a reset of the connection is due
// it is done now, within five seconds, and one that turns out to be bad is not
// used again. What is not of this package comes back as it is.
func Unwrap(driverConn any) any {
	if w, ok := driverConn.(interface{ unwrap() driver.Conn }); ok {
		return w.unwrap()
	}
	return driverConn
}
