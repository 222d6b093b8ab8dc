package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/coder/websocket"

	"github.com/degenduel/switchgear/wire"
)

// Instances are the processes that have a service whose breakers are in them; of
// other services there are none.
func (c *Client) Instances(ctx context.Context, name string) (wire.InstanceList, error) {
	var out wire.InstanceList
	err := c.do(ctx, call{method: http.MethodGet, path: service(name, "instances")}, &out)
	return out, err
}

// AskInstances asks the stream for the instances of a service. The answer is a
// message of the type service:instances, a wire.ServiceInstances, or an error,
// with the request's ID; empty is none. It may be called beside Next. An error is
// the end of the stream.
func (s *Stream) AskInstances(ctx context.Context, service, requestID string) error {
	ask := struct {
		Type      string         `json:"type"`
		Service   string         `json:"service"`
		RequestID wire.RequestID `json:"request_id,omitempty"`
	}{Type: wire.TypeInstances, Service: service}
	if requestID != "" {
		ask.RequestID = wire.NewRequestID(requestID)
	}
	data, err := json.Marshal(ask)
	if err == nil {
		err = s.conn.Write(ctx, websocket.MessageText, data)
	}
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	return nil
}
