package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"

	"github.com/degenduel/switchgear/bench/internal/procs"
)

// helper is a process of this program's that does what it is asked to.
type helper struct {
	*procs.Process

	client *rpc.Client
}

type pipe struct {
	io.Reader
	io.WriteCloser
}

// newHelper starts this program once more, in a role.
func newHelper(ctx context.Context, role string) (*helper, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, role) //nolint:gosec // it is this program
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p, err := procs.Start(cmd)
	if err != nil {
		return nil, err
	}
	return &helper{p, rpc.NewClient(pipe{out, in})}, nil
}

// call asks the helper; a call that has an answer takes a pointer to it.
func (h *helper) call(ctx context.Context, method string, args, reply any) error {
	call := h.client.Go(method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if call.Error != nil {
			return fmt.Errorf("%s: %w", method, call.Error)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// help is the life of a helper: until its parent has gone.
func help(role string) error {
	server := rpc.NewServer()
	var err error
	switch role {
	case roleSwarm:
		err = server.Register(new(Swarm))
	case roleFloor:
		err = server.Register(new(Floor))
	default:
		err = errors.New("no such role")
	}
	if err == nil {
		server.ServeConn(pipe{os.Stdin, os.Stdout})
	}
	return err
}

const roleSwarm, roleFloor = "swarm", "floor"
