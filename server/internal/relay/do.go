package relay

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 1 << 20

// Request is one that this node makes for somebody whom it has let in.
type Request struct {
	Method, Path string
	Body         []byte // JSON
	By           Asker
	Identity     []byte // who asks
}

// Leading reports whether this node leads.
func (p *Relay) Leading() bool { return p.cluster.Leading() }

// CatchUp waits until this node knows of everything up to seq.
func (p *Relay) CatchUp(ctx context.Context, seq uint64) error { return p.cluster.CatchUp(ctx, seq) }

// Do has the leader carry out a request, and returns its answer. The error says
// that there is none.
func (p *Relay) Do(ctx context.Context, q Request) (status int, body []byte, err error) {
	ctx, to, end, err := p.outgoing(ctx, passed{Asker: q.By, Node: p.cluster.Node(), Identity: q.Identity})
	if err != nil {
		return 0, nil, err
	}
	defer end()
	r, err := http.NewRequestWithContext(ctx, q.Method, to.leader.JoinPath(q.Path).String(), bytes.NewReader(q.Body))
	if err != nil {
		return 0, nil, err
	}
	if len(q.Body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	to.sign(r)
	answer, err := p.client.Do(r)
	if err != nil {
		return 0, nil, p.lost(ctx, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if body, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer)); err != nil {
		return 0, nil, p.lost(ctx, err)
	}
	p.await(ctx, answer)
	return answer.StatusCode, body, nil
}
