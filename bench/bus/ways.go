package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"

	"github.com/degenduel/switchgear/bus/local"
	"github.com/degenduel/switchgear/bus/natsbus"
	"github.com/degenduel/switchgear/bus/pgnotify"
	"github.com/degenduel/switchgear/fleet"
)

// ways are ours, in bold, after the floor of each.
func ways(o options) []way {
	all := []way{
		{"TCP on loopback, 80 bytes a write", openTCP},
		{"**bus/local**", ours(func() func() (fleet.Bus, error) {
			hub := local.New()
			return func() (fleet.Bus, error) { return hub.Join(nil), nil }
		})},
	}
	if o.postgres != "" {
		all = append(all, way{"NOTIFY, one a statement", openNotify}, way{"**bus/pgnotify**", ours(func() func() (fleet.Bus, error) {
			return func() (fleet.Bus, error) {
				return pgnotify.Open(pgnotify.Config{URL: o.postgres, Channel: "switchgear_bench"})
			}
		})})
	}
	if o.nats != "" {
		all = append(all, way{"nats.go, one a message", openNATS}, way{"**bus/natsbus**", ours(func() func() (fleet.Bus, error) {
			return func() (fleet.Bus, error) {
				return natsbus.Open(natsbus.Config{URL: o.nats, Prefix: "switchgear_bench"})
			}
		})})
	}
	return all
}

// ours is a way over a bus, whose nodes are joined by what a call of begin returns.
func ours(begin func() func() (fleet.Bus, error)) func(context.Context, options, func(uint64)) (wire, error) {
	return func(_ context.Context, _ options, heard func(uint64)) (wire, error) { return openBuses(heard, begin()) }
}

// openBuses is a bus of ours: a node that tells, and one that listens.
func openBuses(heard func(uint64), join func() (fleet.Bus, error)) (wire, error) {
	teller, err := join()
	if err != nil {
		return wire{}, err
	}
	listener, err := join()
	if err != nil {
		return wire{}, errors.Join(err, teller.Close())
	}
	c := wire{
		tell: func(n uint64) error {
			return teller.Publish(fleet.Hint{Epoch: "01JDX", Seq: n, From: "node-1", Service: "payments", Kind: "service"})
		},
		close: func() { _ = errors.Join(teller.Close(), listener.Close()) },
	}
	ready := make(chan struct{}, 1)
	_, err = listener.Subscribe(func(h fleet.Hint) { heard(h.Seq) }, func() { ready <- struct{}{} })
	if err != nil {
		c.close()
		return wire{}, err
	}
	timeout := time.After(10 * time.Second)
	select {
	case <-ready:
	case <-timeout:
		c.close()
		return wire{}, errors.New("not connected: " + listener.State().LastError)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !teller.State().Connected {
		select {
		case <-tick.C:
		case <-timeout:
			c.close()
			return wire{}, errors.New("not connected: " + teller.State().LastError)
		}
	}
	return c, nil
}

// size is how long a hint is in a message.
const size = 80

func openTCP(ctx context.Context, _ options, heard func(uint64)) (wire, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return wire{}, err
	}
	defer func() { _ = l.Close() }()
	to, err := new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return wire{}, err
	}
	from, err := l.Accept()
	if err != nil {
		return wire{}, errors.Join(err, to.Close())
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, size)
		for {
			if _, err := io.ReadFull(from, buf); err != nil {
				return
			}
			heard(binary.BigEndian.Uint64(buf))
		}
	}()
	buf := make([]byte, size)
	return wire{
		tell: func(n uint64) error {
			binary.BigEndian.PutUint64(buf, n)
			_, err := to.Write(buf)
			return err
		},
		close: func() {
			_ = errors.Join(to.Close(), from.Close())
			<-done
		},
	}, nil
}

// padded is a number in as many bytes as a hint has.
func padded(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for len(text) < size {
		text += " "
	}
	return text
}

func number(padded string) uint64 {
	var n uint64
	for _, c := range padded {
		if c == ' ' {
			break
		}
		n = 10*n + uint64(c-'0') //nolint:gosec // a digit
	}
	return n
}

func openNotify(ctx context.Context, o options, heard func(uint64)) (wire, error) {
	listener, err := pgx.Connect(ctx, o.postgres)
	if err != nil {
		return wire{}, err
	}
	teller, err := pgx.Connect(ctx, o.postgres)
	if err != nil {
		return wire{}, errors.Join(err, listener.Close(ctx))
	}
	listening, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	c := wire{
		tell: func(n uint64) error {
			_, err := teller.Exec(ctx, "SELECT pg_notify('switchgear_floor', $1)", padded(n))
			return err
		},
		close: func() {
			stop()
			<-done
			_ = errors.Join(teller.Close(ctx), listener.Close(ctx))
		},
	}
	_, err = listener.Exec(ctx, "LISTEN switchgear_floor")
	go func() {
		defer close(done)
		for {
			n, err := listener.WaitForNotification(listening)
			if err != nil {
				return
			}
			heard(number(n.Payload))
		}
	}()
	if err != nil {
		c.close()
		return wire{}, err
	}
	return c, nil
}

func openNATS(_ context.Context, o options, heard func(uint64)) (wire, error) {
	listener, err := nats.Connect(o.nats)
	if err != nil {
		return wire{}, err
	}
	teller, err := nats.Connect(o.nats)
	if err != nil {
		listener.Close()
		return wire{}, err
	}
	c := wire{
		tell: func(n uint64) error { return teller.Publish("switchgear_floor", []byte(padded(n))) },
		close: func() {
			teller.Close()
			listener.Close()
		},
	}
	_, err = listener.Subscribe("switchgear_floor", func(m *nats.Msg) { heard(number(string(m.Data))) })
	if err == nil {
		err = listener.Flush()
	}
	if err != nil {
		c.close()
		return wire{}, err
	}
	return c, nil
}
