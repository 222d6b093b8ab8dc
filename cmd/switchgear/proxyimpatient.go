package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/httpbreaker"
)

// minAbandoned is how many requests of a window must have been abandoned before
// it is worth a warning.
const minAbandoned = 10

// errCut is why requests end that do not end in time when the proxy stops.
var errCut = errors.New("the proxy stops")

// ended hears what came of a request.
func (s *sidecar) ended(o httpbreaker.Operation) {
	ctx := o.Request.Context()
	abandoned := o.Status == 0 && o.Outcome == switchgear.Ignored &&
		errors.Is(ctx.Err(), context.Canceled) && !errors.Is(context.Cause(ctx), errCut)
	if n, of, most := s.impatience.count(time.Now(), abandoned); most {
		s.log.WarnContext(ctx, "most clients give up before the upstream says anything, so that one that hangs does not open the circuit; "+
			"--upstream-timeout must be below their patience",
			slog.String("service", s.breaker.Name()), slog.Int("abandoned", n), slog.Int("requests", of), slog.Duration("upstream_timeout", s.timeout))
	}
}

// impatience counts, in windows, the requests that were abandoned by their
// clients before the upstream had said anything. They are ignored, because
// clients may go; but where all of them go, a hung upstream is not seen.
type impatience struct {
	window time.Duration

	mu             sync.Mutex
	begun          time.Time
	abandoned, all int
	told           bool
}

// count counts a request that has ended, and reports whether most were abandoned,
// once a window.
func (i *impatience) count(now time.Time, abandoned bool) (n, of int, most bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if now.Sub(i.begun) >= i.window {
		i.begun, i.abandoned, i.all, i.told = now, 0, 0, false
	}
	i.all++
	if abandoned {
		i.abandoned++
	}
	if i.told || !abandoned || i.abandoned < minAbandoned || 2*i.abandoned <= i.all {
		return 0, 0, false
	}
	i.told = true
	return i.abandoned, i.all, true
}
