package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// freshFor is how soon a withdrawn key ends, and retryAfter how soon the
	// server is asked again when it could not be.
	freshFor   = 2 * time.Minute
	retryAfter = 15 * time.Second

	// fetchTimeout is how long a fetch may take, and so how long a log-in may
	// wait for one.
	fetchTimeout = 5 * time.Second

	// maxKeySet is how large a key set may be, in bytes.
	maxKeySet = 256 << 10

	// Tokens of unknown keys make us ask spareFetches times at once, and then
	// once in spareEvery, however many there are.
	spareFetches = 3
	spareEvery   = 10 * time.Second
)

// keySet is the keys at a URL. They are fetched by who needs them, one at a
// time; there is no goroutine but that of run.
type keySet struct {
	url       string
	client    *http.Client
	log       *slog.Logger
	withdrawn func() // called after a key has gone

	current  atomic.Pointer[keys] // nil until the first fetch that worked
	fetching chan struct{}        // holds a value while somebody fetches

	mu       sync.Mutex
	fetches  int       // that have ended, well or not
	due      time.Time // when the keys are to be fetched again
	spare    int
	refilled time.Time
}

func newKeySet(from string, client *http.Client, log *slog.Logger, withdrawn func()) (*keySet, error) {
	u, err := url.Parse(from)
	if err != nil {
		return nil, fmt.Errorf("auth: the URL of the key set: %w", withoutURL(err))
	}
	if u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())) {
		return nil, errors.New("auth: the URL of the key set is to be https://…, or http:// on this machine, without a user")
	}
	if client == nil {
		client = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &keySet{
		url: from, client: &own, log: log, withdrawn: withdrawn, fetching: make(chan struct{}, 1), spare: spareFetches,
	}, nil
}

// withoutURL is the error without the URL, which may hold a password.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func local(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// run fetches the keys whenever they are due, until ctx ends.
func (s *keySet) run(ctx context.Context) {
	for {
		s.mu.Lock()
		timer := time.NewTimer(time.Until(s.due))
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if s.turn(ctx, true) {
			s.fetchIf(ctx, s.isDue)
		}
	}
}

func (s *keySet) holds(thumb [sha256.Size]byte) bool {
	now := s.current.Load()
	return now != nil && now.thumbs[thumb]
}

// find is the key of a token. One that is not known is looked for at the URL.
// The error is a refusal, or errNoKeys.
func (s *keySet) find(ctx context.Context, alg, id string) (*key, error) {
	whole := context.WithoutCancel(ctx) // others wait for a fetch of one who goes away
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	s.mu.Lock()
	before := s.fetches
	s.mu.Unlock()
	now := s.current.Load()
	if s.isDue() && s.turn(ctx, now == nil) {
		s.fetchIf(whole, s.isDue)
		now = s.current.Load()
	}
	if id != "" && (now == nil || !now.knows(id)) && s.turn(ctx, true) {
		s.fetchIf(whole, func() bool { return s.maySpare(before, time.Now()) })
		now = s.current.Load()
	}
	if now == nil {
		return nil, errNoKeys
	}
	if k := now.find(alg, id); k != nil {
		return k, nil
	}
	return nil, refusal("a JWT of an unknown key")
}

// turn takes the turn to fetch. If it is another's, it waits for it, or for the
// end of ctx; or, if it is not to wait, has none.
func (s *keySet) turn(ctx context.Context, wait bool) bool {
	select {
	case s.fetching <- struct{}{}:
		return true
	default:
	}
	if !wait {
		return false
	}
	select {
	case s.fetching <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// fetchIf fetches, if it is still needed now that it is the caller's turn, and
// gives the turn back.
func (s *keySet) fetchIf(ctx context.Context, needed func() bool) {
	defer func() { <-s.fetching }()
	if needed() {
		s.fetch(ctx)
	}
}

func (s *keySet) isDue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !time.Now().Before(s.due)
}

// maySpare takes one of the spare fetches, unless somebody has fetched since
// before.
func (s *keySet) maySpare(before int, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fetches != before {
		return false
	}
	if s.spare == spareFetches {
		s.refilled = now
	}
	gained := min(int(now.Sub(s.refilled)/spareEvery), spareFetches-s.spare)
	s.spare += gained
	s.refilled = s.refilled.Add(time.Duration(gained) * spareEvery)
	if s.spare == spareFetches {
		s.refilled = now
	}
	if s.spare == 0 {
		return false
	}
	s.spare--
	return true
}

// fetch replaces the keys by those at the URL; if these cannot be had, the old
// ones stay. The turn must be the caller's.
func (s *keySet) fetch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	next, err := s.get(ctx)
	wait := freshFor
	if err != nil {
		wait = retryAfter
	}
	s.mu.Lock()
	s.fetches++
	s.due = time.Now().Add(wait)
	s.mu.Unlock()
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled): // run is over
		return
	case err != nil:
		s.log.LogAttrs(ctx, slog.LevelWarn, "keys of tokens cannot be fetched", slog.Any("error", err))
		return
	}
	old := s.current.Swap(next)
	added, gone := next.compare(old)
	if added+gone > 0 || old == nil {
		s.log.LogAttrs(ctx, slog.LevelInfo, "keys of tokens fetched",
			slog.Int("keys", len(next.all)), slog.Int("added", added), slog.Int("withdrawn", gone), slog.Int("left_out", next.odd))
	}
	if gone > 0 {
		s.withdrawn()
	}
}

func (s *keySet) get(ctx context.Context) (*keys, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer func() { _ = answer.Body.Close() }() // read to the end, or not needed
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("auth: the server of the key set answered %s", answer.Status)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxKeySet {
		return nil, fmt.Errorf("auth: the key set has more than %d bytes", maxKeySet)
	}
	return readKeys(text)
}
