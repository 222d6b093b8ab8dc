package probe

import (
	"context"
	"net"
)

// tcpChecker connects and hangs up.
type tcpChecker struct {
	dialer  *net.Dialer
	address string
}

func (c *tcpChecker) check(ctx context.Context) error {
	conn, err := c.dialer.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (c *tcpChecker) close() error { return nil }
