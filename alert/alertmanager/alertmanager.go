package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/fleet"
)

// Lease is how long a firing alert stands without being said again.
const Lease = 5 * time.Minute

const (
	// perRequest is how many alerts are sent at once: about half a megabyte.
	perRequest = 500

	// maxAffected is how many names an annotation lists.
	maxAffected = 100
)

// Options say where the Alertmanager is.
type Options struct {
	// URL is http or https, without /api/v2. A user and password in it are sent
	// as basic authentication.
	URL string

	// Client sends. Its redirects are not followed. Default
	// alert.NewClient(nil).
	Client *http.Client

	// Link is the address of the dashboard, without a slash at the end; empty:
	// alerts have no link.
	Link string

	// Layer is the layer of a service, or empty. nil: of none is it known.
	Layer func(service string) string
}

// Mirror is an Alertmanager. It implements alert.Mirror.
type Mirror struct {
	url    string
	client *http.Client
	link   string
	layer  func(service string) string

	// shown is what may fire there, by its labels, until its lease ends.
	shown map[string]entry
}

var _ alert.Mirror = (*Mirror)(nil)

// New returns a mirror. The error does not have the URL in it.
func New(o Options) (*Mirror, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("alertmanager: the URL does not begin with http:// or https:// and a host")
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, errors.New("alertmanager: the URL has a query or a fragment")
	}
	if o.Client == nil {
		o.Client = alert.NewClient(nil)
	}
	if o.Layer == nil {
		o.Layer = func(string) string { return "" }
	}
	return &Mirror{u.JoinPath("api/v2/alerts").String(), o.Client, o.Link, o.Layer, make(map[string]entry)}, nil
}

// entry is an alert as the API takes it. Its labels are what it is known by.
type entry struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// Sync makes the Alertmanager show what fires, and not show what ended. It asks
// even where there is nothing to tell, so that one that is gone is noticed. What
// an error left undone is done by the next Sync.
func (m *Mirror) Sync(ctx context.Context, firing, ended []fleet.Alert) error {
	now := time.Now().UTC()
	all := list{known: make(map[string]bool)}
	shown := make(map[string]entry, len(firing))
	for i := range firing {
		e := m.entry(&firing[i])
		e.StartsAt, e.EndsAt = earlier(e.StartsAt, now), now.Add(Lease)
		shown[all.add(e)] = e
	}
	byEnd := func(a, b fleet.Alert) int { return b.EndsAt.Compare(a.EndsAt) }
	for _, a := range slices.SortedStableFunc(slices.Values(ended), byEnd) { // of equal ones the last end
		e := m.entry(&a)
		e.StartsAt, e.EndsAt = earlier(e.StartsAt, a.EndsAt.UTC()), a.EndsAt.UTC()
		all.add(e)
	}
	maps.DeleteFunc(m.shown, func(_ string, e entry) bool { return e.EndsAt.Before(now) }) // it has ended by itself
	for _, key := range slices.Sorted(maps.Keys(m.shown)) {                                // which no alert is any more
		e := m.shown[key]
		e.StartsAt, e.EndsAt = earlier(e.StartsAt, now), now
		all.add(e)
	}
	if err := m.send(ctx, all.entries); err != nil {
		maps.Copy(m.shown, shown) // some of it may have come there
		return err
	}
	m.shown = shown
	return nil
}

func (m *Mirror) send(ctx context.Context, entries []entry) error {
	for first := true; first || len(entries) > 0; first = false {
		n := min(len(entries), perRequest)
		if err := m.post(ctx, entries[:n]); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

func (m *Mirror) post(ctx context.Context, entries []entry) error {
	if entries == nil {
		entries = []entry{}
	}
	body, err := json.Marshal(entries)
	if err != nil {
		return fmt.Errorf("the alerts cannot be written: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL is bad") // New has read it
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "switchgear")
	return alert.Do(m.client, req)
}

// entry is an alert but for its end.
func (m *Mirror) entry(a *fleet.Alert) entry {
	e := entry{
		Labels: map[string]string{
			"alertname": string(a.Kind), "service": a.Service, "severity": string(a.Severity), "incident": a.Incident, "root": a.Root,
		},
		Annotations: map[string]string{"summary": a.Summary},
		StartsAt:    a.StartsAt.UTC(),
	}
	if layer := m.layer(a.Service); layer != "" {
		e.Labels["layer"] = layer
	}
	if len(a.Affects) > 0 {
		e.Annotations["affects"] = names(a.Affects)
	}
	if a.AcknowledgedBy != "" {
		e.Annotations["acknowledged_by"] = a.AcknowledgedBy
	}
	if m.link != "" {
		e.GeneratorURL = alert.Wire(a, m.link).URL
	}
	return e
}

func names(all []string) string {
	if len(all) <= maxAffected {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:maxAffected], ", "), len(all)-maxAffected)
}

// earlier is the earlier of two moments: none that ends before it starts is taken,
// and clocks are set back now and then.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// list has of alerts with equal labels, which are one to an Alertmanager, the
// first.
type list struct {
	entries []entry
	known   map[string]bool
}

// add returns by what the Alertmanager knows an alert.
func (l *list) add(e entry) (key string) {
	pairs := make([]string, 0, len(e.Labels))
	for name, value := range e.Labels {
		pairs = append(pairs, name+"\x00"+value)
	}
	slices.Sort(pairs)
	key = strings.Join(pairs, "\x00")
	if !l.known[key] {
		l.known[key] = true
		l.entries = append(l.entries, e)
	}
	return key
}
