package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
)

// shared is what gobreaker keeps in Redis.
type shared struct {
	client *redis.Client
	owner  string
}

var errHeld = errors.New("somebody has the lock")

func (s *shared) Lock(name string) error {
	ok, err := s.client.SetNX(context.Background(), name, s.owner, 5*time.Second).Result()
	if err == nil && !ok {
		err = errHeld
	}
	return err
}

// unlock deletes a lock that is still the caller's.
var unlock = redis.NewScript(`if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0`)

func (s *shared) Unlock(name string) error {
	return unlock.Run(context.Background(), s.client, []string{name}, s.owner).Err()
}

func (s *shared) GetData(name string) ([]byte, error) {
	data, err := s.client.Get(context.Background(), name).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return data, err
}

func (s *shared) SetData(name string, data []byte) error {
	return s.client.Set(context.Background(), name, data, 0).Err()
}

type distributed = gobreaker.DistributedCircuitBreaker[int]

// startRedis starts a server with nothing in it, and waits until it answers.
func startRedis(ctx context.Context, program, dir string) (address string, stop func(), err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address = l.Addr().String()
	_ = l.Close() // only its number was wanted
	_, port, _ := net.SplitHostPort(address)
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", filepath.Clean(dir)) //nolint:gosec // the caller says which
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}
	probe := redis.NewClient(&redis.Options{Addr: address})
	defer probe.Close() //nolint:errcheck // it has only asked
	for range 100 {
		if err = probe.Ping(ctx).Err(); err == nil {
			return address, stop, nil
		}
		wait(ctx, 50*time.Millisecond)
	}
	stop()
	return "", nil, fmt.Errorf("redis does not answer: %w\n%s", err, said.String())
}

// breakersOf are instances of one name. Each has its own connections.
func breakersOf(clients []*redis.Client, name string) ([]*distributed, error) {
	var all []*distributed
	for _, c := range clients {
		b, err := gobreaker.NewDistributedCircuitBreaker[int](&shared{c, rand.Text()}, gobreaker.Settings{
			Name: name, Timeout: time.Minute,
			ReadyToTrip: func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= threshold },
		})
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

func measureGobreaker(ctx context.Context, o *options, dir string) (*figures, error) {
	address, stop, err := startRedis(ctx, o.redis, dir)
	if err != nil {
		return nil, err
	}
	defer stop()
	var clients []*redis.Client
	for range o.instances {
		c := redis.NewClient(&redis.Options{Addr: address, PoolSize: 2})
		defer c.Close() //nolint:errcheck // the server is killed
		clients = append(clients, c)
	}
	f := &figures{name: "gobreaker v2.4.0, distributed, Redis"}
	quiet, err := breakersOf(clients, "quiet")
	if err != nil {
		return nil, err
	}
	decide := func(b *distributed) (time.Duration, error) {
		began := time.Now()
		_, err := b.Execute(func() (int, error) { return 0, nil })
		return time.Since(began), err
	}
	for range o.calls {
		d, err := decide(quiet[0])
		if err != nil {
			return nil, err
		}
		f.alone = append(f.alone, d)
	}
	f.paced, f.errors = paced(ctx, o.instances, func(i int) (time.Duration, error) { return decide(quiet[i]) })
	for n := range o.peerRounds {
		if err := faultOf(ctx, o, clients, nameOf(n), f); err != nil {
			return nil, fmt.Errorf("fault %d: %w", n, err)
		}
	}
	return f, nil
}

// faultOf has the first instance fail, and all others ask until they are told no.
func faultOf(ctx context.Context, o *options, clients []*redis.Client, name string, f *figures) error {
	ctx, cancel := context.WithTimeout(ctx, o.patience)
	defer cancel()
	all, err := breakersOf(clients, name)
	if err != nil {
		return err
	}
	var began time.Time
	for range threshold {
		began = time.Now()
		_, _ = all[0].Execute(func() (int, error) { return 0, errDown })
	}
	told := make(chan time.Time, o.instances)
	failed := make(chan struct{}, 1<<16)
	for _, b := range all[1:] {
		go func() {
			for ctx.Err() == nil {
				_, err := b.Execute(func() (int, error) { return 0, nil })
				if errors.Is(err, gobreaker.ErrOpenState) {
					told <- time.Now()
					return
				}
				if err != nil {
					select {
					case failed <- struct{}{}:
					default:
					}
				}
			}
		}()
	}
	for range o.instances - 1 {
		select {
		case at := <-told:
			f.spread = append(f.spread, at.Sub(began))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.errors += len(failed)
	return nil
}
