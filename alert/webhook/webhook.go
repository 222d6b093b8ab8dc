package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/wire"
)

// The headers of a message.
const (
	DeliveryHeader  = "Switchgear-Delivery"
	SignatureHeader = "Switchgear-Signature"
)

// Options say where messages go.
type Options struct {
	// URL is http or https. A user and password in it are sent as basic
	// authentication.
	URL string

	// Secret is the key that messages are signed with; empty: they are not.
	Secret string

	// Timeout is how long a try may take; 0: as long as the client lets it.
	Timeout time.Duration

	// Client sends them. Its redirects are not followed. Default
	// alert.NewClient(nil).
	Client *http.Client
}

// Payload is the body of a message.
type Payload struct {
	Alerts []wire.Alert `json:"alerts"` // those of the root first

	Reason   string   `json:"reason"`   // why it is sent: firing, escalated, repeat, resolved or test
	Incident string   `json:"incident"` // what the alerts belong to
	Root     *string  `json:"root"`     // the service that the incident comes from
	Affects  []string `json:"affects"`  // those that depend on the root
	Link     string   `json:"link"`     // where people look
	Delivery string   `json:"delivery"` // as the header has it
}

// Receiver is a program that takes messages. It implements alert.Receiver.
type Receiver struct {
	url     string
	secret  string
	timeout time.Duration
	client  *http.Client
}

var _ alert.Receiver = (*Receiver)(nil)

// New returns a receiver. The error does not have the URL in it.
func New(o Options) (*Receiver, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("webhook: the URL does not begin with http:// or https:// and a host")
	case o.Timeout < 0:
		return nil, fmt.Errorf("webhook: the timeout of %v is negative", o.Timeout)
	}
	if o.Client == nil {
		o.Client = alert.NewClient(nil)
	}
	return &Receiver{o.URL, o.Secret, o.Timeout, o.Client}, nil
}

// Send makes one try. Its error is an *alert.RefusedError where the receiver
// works and will not have the message.
func (r *Receiver) Send(ctx context.Context, m alert.Message) error {
	body, err := json.Marshal(payload(m))
	if err != nil {
		return &alert.RefusedError{Err: fmt.Errorf("the message cannot be written: %w", err)}
	}
	if r.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.timeout)
		defer cancel()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL is bad") // New has read it
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "switchgear")
	req.Header.Set(DeliveryHeader, m.ID)
	if r.secret != "" {
		req.Header.Set(SignatureHeader, Sign(r.secret, body, time.Now()))
	}
	return alert.Do(r.client, req)
}

func payload(m alert.Message) Payload {
	p := Payload{
		Alerts: make([]wire.Alert, len(m.Alerts)),
		Reason: string(m.Reason), Incident: m.Incident, Affects: []string{}, Link: m.Link, Delivery: m.ID,
	}
	if m.Root != "" {
		p.Root = &m.Root
	}
	for i := range m.Alerts {
		p.Alerts[i] = alert.Wire(&m.Alerts[i], m.Link)
	}
	if len(p.Alerts) > 0 { // those of the root come first
		p.Affects, p.Link = p.Alerts[0].Affects, p.Alerts[0].URL
	}
	return p
}
