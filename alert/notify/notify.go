package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/degenduel/switchgear/alert"
)

// maxTries is how many tries there can be at a time: those that hang, and the one
// that somebody waits for.
const maxTries = 4

// Options say what to send to.
type Options struct {
	// URL is that of a service of the library. All of it is a secret.
	URL string
}

// Receiver is a chat, a mailbox or the like. It implements alert.Receiver.
type Receiver struct {
	kind   string
	url    string
	titled bool
	secret *secret

	mu      sync.Mutex
	under   int           // tries under way
	fewer   chan struct{} // closed, and made anew, when one has ended
	service types.Service // that no try has; nil: one is to be made
}

var _ alert.Receiver = (*Receiver)(nil)

// titled are the kinds of services that show a title beside the message. All
// others have it as the first line.
var titled = []string{"bark", "discord", "gotify", "join", "lark", "ntfy", "pushbullet", "pushover", "slack", "smtp"}

// Kinds are the kinds of services that there are: how a URL can begin.
func Kinds() []string {
	kinds := slices.DeleteFunc(new(router.ServiceRouter).ListServices(), func(kind string) bool {
		return kind == "logger" // it tells nobody
	})
	slices.Sort(kinds)
	return kinds
}

// New returns a receiver. It reaches nobody. The error does not have the URL in
// it.
func New(o Options) (*Receiver, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, errors.New("notify: the URL cannot be read: what is no letter or digit in it may have to be written as %XX")
	}
	kind, _, _ := strings.Cut(u.Scheme, "+")
	if kinds := Kinds(); !slices.Contains(kinds, kind) {
		return nil, fmt.Errorf("notify: the URL begins with no kind of service that there is; those are %s", strings.Join(kinds, ", "))
	}
	r := &Receiver{kind: kind, url: o.URL, secret: newSecret(o.URL, u), titled: slices.Contains(titled, kind), fewer: make(chan struct{})}
	for key := range u.Query() { // what the operator says goes before what we do
		if key = strings.ToLower(key); key == "title" || key == "subject" {
			r.titled = false
		}
	}
	if kind == "matrix" && u.User != nil { // with a user it logs in
		password, _ := u.User.Password()
		u.User = url.UserPassword("", password)
	}
	if _, err := r.open(u.String()); err != nil {
		return nil, fmt.Errorf("notify: the URL is not as %s needs it: %s", kind, r.secret.hide(err.Error()))
	}
	return r, nil
}

// open makes the library's service.
func (r *Receiver) open(raw string) (s types.Service, err error) {
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, &panicError{p}
		}
	}()
	s, err = new(router.ServiceRouter).NewService(r.kind)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("the URL cannot be read")
	}
	if u.Scheme != r.kind {
		custom, ok := s.(types.CustomURLService)
		if !ok {
			return nil, errors.New("it takes no URL of another scheme")
		}
		if u, err = custom.GetConfigURLFromCustom(u); err != nil {
			return nil, err
		}
	}
	if err := s.Initialize(u, nil); err != nil {
		return nil, err
	}
	return s, nil
}

// Send makes one try. Its error is an *alert.RefusedError where the service was
// reached and does not seem to want the message.
func (r *Receiver) Send(ctx context.Context, m alert.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	title, text := write(m)
	params := types.Params{}
	if r.titled {
		params.SetTitle(title)
	} else {
		text = title + "\n" + text
	}
	r.mu.Lock()
	if r.under >= maxTries {
		r.mu.Unlock()
		return fmt.Errorf("%d tries have not ended yet", maxTries)
	}
	r.under++
	s := r.service
	r.service = nil // a try that hangs keeps it
	r.mu.Unlock()
	ended := make(chan error, 1)
	go func() { // Close waits for it
		s, err := r.try(s, text, params)
		r.mu.Lock()
		r.under--
		close(r.fewer)
		r.fewer = make(chan struct{})
		if s != nil {
			r.service = s
		}
		r.mu.Unlock()
		ended <- err
	}()
	select {
	case err := <-ended:
		return r.judge(err)
	case <-ctx.Done():
		return fmt.Errorf("no answer in time: %w", ctx.Err())
	}
}

// try sends by a service, and returns it if it can be used again.
func (r *Receiver) try(s types.Service, text string, params types.Params) (used types.Service, err error) {
	defer func() {
		if p := recover(); p != nil {
			used, err = nil, &panicError{p}
		}
	}()
	if s == nil {
		if s, err = r.open(r.url); err != nil {
			return nil, err
		}
	}
	err = s.Send(text, &params)
	if r.titled {
		return nil, err // it would keep the title, for all that comes after
	}
	return s, err
}

// Close waits until all tries have ended, or ctx has.
func (r *Receiver) Close(ctx context.Context) error {
	for {
		r.mu.Lock()
		under, fewer := r.under, r.fewer
		r.mu.Unlock()
		if under == 0 {
			return nil
		}
		select {
		case <-fewer:
		case <-ctx.Done():
			return fmt.Errorf("%d tries to reach %s have not ended: %w", under, r.kind, ctx.Err())
		}
	}
}

// Guard makes a client, as of alert.NewClient, that of all of the process that do
// not say otherwise: the library asks for no other. It is for a program's main,
// before anything else runs.
func Guard(client *http.Client) {
	http.DefaultClient = client
	http.DefaultTransport = client.Transport
}
