package main

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
)

// Floor is a server in a process of its own that does the least: it writes bytes
// to TCP connections. Its exported methods are called by the process that has
// started this one.
type Floor struct {
	mu       sync.Mutex
	listener net.Listener
	greeting []byte
	shards   []*shard
	next     int // shard
	running  sync.WaitGroup
}

// shard is a part of the connections, with the goroutine that writes to them.
type shard struct {
	orders chan []byte

	mu    sync.Mutex
	conns []net.Conn
}

// FloorSpec says what a floor does.
type FloorSpec struct {
	Address  string // to listen on; its port may be 0
	Greeting []byte // for each connection, at once
}

// Listen takes connections from now on.
func (f *Floor) Listen(spec FloorSpec, address *string) error {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", spec.Address)
	if err != nil {
		return err
	}
	f.listener, f.greeting, *address = l, spec.Greeting, l.Addr().String()
	for range runtime.GOMAXPROCS(0) {
		s := &shard{orders: make(chan []byte, ring)}
		f.shards = append(f.shards, s)
		f.running.Go(s.run)
	}
	f.running.Go(f.accept)
	return nil
}

// Broadcast writes the bytes to all connections, after what it was told to write
// before.
func (f *Floor) Broadcast(bytes []byte, _ *struct{}) error {
	if f.listener == nil {
		return errors.New("nobody listens")
	}
	for _, s := range f.shards {
		s.orders <- bytes
	}
	return nil
}

func (f *Floor) accept() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		s := f.shards[f.next%len(f.shards)]
		f.next++
		f.mu.Unlock()
		s.add(conn)
		f.running.Go(func() { f.serve(s, conn) })
	}
}

// greetingChunk is how much of a greeting is written at once: in larger pieces
// thousands of connections at the same time are slower.
const greetingChunk = 32 << 10

// serve greets, and waits for the connection's end.
func (f *Floor) serve(s *shard, conn net.Conn) {
	defer s.remove(conn)
	for chunk := range slices.Chunk(f.greeting, greetingChunk) {
		if _, err := conn.Write(chunk); err != nil {
			return
		}
	}
	_, _ = io.ReadFull(conn, make([]byte, 1)) // nothing comes
}

func (s *shard) add(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, conn)
}

func (s *shard) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = conn.Close() // it is broken or done with
	for i, other := range s.conns {
		if other == conn {
			s.conns[i] = s.conns[len(s.conns)-1]
			s.conns = s.conns[:len(s.conns)-1]
			return
		}
	}
}

func (s *shard) run() {
	for bytes := range s.orders {
		s.mu.Lock()
		for _, conn := range s.conns {
			_, _ = conn.Write(bytes) // the client sees it
		}
		s.mu.Unlock()
	}
}
