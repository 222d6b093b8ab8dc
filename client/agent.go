package client

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/coder/websocket"
)

// AgentSocket is the connection of an agent, as package wire has its messages;
// package agent speaks over it. Next is for one goroutine, the rest for any.
type AgentSocket struct {
	conn *websocket.Conn
}

// AgentSocket opens a connection for an agent, which takes a token of the role
// agent. What the manager refuses is an *Error. The context is for opening it;
// the caller closes it.
func (c *Client) AgentSocket(ctx context.Context) (*AgentSocket, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	conn, err := c.dial(ctx, c.url(api("ws", "agent"), nil))
	if err != nil {
		return nil, err
	}
	return &AgentSocket{conn}, nil
}

// Send writes a message, as JSON. An error is the end of the connection, also
// where ctx ended before all was written.
func (s *AgentSocket) Send(ctx context.Context, message any) error {
	data, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if err := s.conn.Write(ctx, websocket.MessageText, data); err != nil {
		return failure(ctx, err)
	}
	return nil
}

// Next waits for the next message. An error is the end of the connection: that
// of ctx, or one with a *CloseError or what the network said in it.
func (s *AgentSocket) Next(ctx context.Context) (Message, error) {
	_, data, err := s.conn.Read(ctx)
	if err != nil {
		return Message{}, failure(ctx, err)
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return Message{}, fmt.Errorf("client: the manager's message: %w", err)
	}
	return Message{Type: head.Type, Data: data}, nil
}

// Close ends the connection with a code of RFC 6455, section 7.4, or of the
// wire, and waits for the manager's answer for a few seconds at most.
func (s *AgentSocket) Close(code int, reason string) error {
	return s.conn.Close(websocket.StatusCode(code), reason)
}

// CloseNow ends the connection without a word.
func (s *AgentSocket) CloseNow() error { return s.conn.CloseNow() }
