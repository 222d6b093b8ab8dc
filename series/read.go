package series

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

// Point is what happened in one step, and how the service was at its end.
type Point struct {
	At time.Time // when it begins

	Successful, Failed, Ignored, Rejected uint64 // in the step

	// Average and percentiles are those of the present and the last monitoring
	// window, the worst that was seen in the step.
	Average, P50, P95, P99 time.Duration

	State         switchgear.State
	Mode          switchgear.Mode
	AdmittedShare float64 // 0 to 1
	Failures      uint64  // in the window
}

// Gap is a time in which no manager ran, or what it recorded was lost.
type Gap struct {
	From, To time.Time
}

// Query asks for series.
type Query struct {
	Services []string

	// From and To are the range, the end not in it. To is at most the present,
	// which is its default; From is 15 minutes before it by default.
	From, To time.Time

	// Step is what a point is to stand for: whole seconds. The default is the
	// finest that is kept as far back as From and gives 1 000 points at most.
	Step time.Duration
}

// OfService are the points of one service.
type OfService struct {
	Service string

	// Points are in the order of time. Where nothing changed there is none. The
	// first stands at the beginning of the range if anything was known then.
	Points []Point
}

// Answer is what a Query found.
type Answer struct {
	// Step is that of the points. It is coarser than the one that was asked for
	// where that is not kept any more.
	Step     time.Duration
	From, To time.Time // From is a multiple of the step
	Series   []OfService
	Gaps     []Gap
}

const (
	defaultRange  = 15 * time.Minute
	defaultPoints = 1000
	maxPoints     = 2000

	// maxAnswer caps the points of all services together.
	maxAnswer = 100_000

	maxStep = 366 * 24 * time.Hour
)

// nice are the steps that are chosen for those who ask for none.
var nice = []time.Duration{
	time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour,
}

// Of is the answer to a query for one service.
func (r *Recorder) Of(ctx context.Context, service string, from, to time.Time, step time.Duration) (Answer, error) {
	return r.Many(ctx, Query{Services: []string{service}, From: from, To: to, Step: step})
}

// Many is the answer to a query. It is Invalid, with the fields from, to and step,
// for a range that is none, or that would be more than 2 000 points, or 100 000 of
// all services together; and Exhausted where too many ask: one is answered after
// the other.
func (r *Recorder) Many(ctx context.Context, q Query) (Answer, error) {
	now := time.Now()
	a, t, err := r.tiers.plan(q, now)
	if err != nil {
		return a, err
	}
	leave, err := r.ranges.enter(ctx)
	if err != nil {
		return a, err
	}
	defer leave()
	held := r.hold(t, append([]string{""}, q.Services...))
	for _, service := range q.Services {
		points, err := r.points(ctx, service, t, &a, held[service])
		if err != nil {
			return a, err
		}
		a.Series = append(a.Series, OfService{service, points})
	}
	a.Gaps, err = r.gaps(ctx, t, &a, held[""], now)
	return a, err
}

func invalid(field, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	return &fleet.Error{
		Kind: fleet.Invalid, Op: "series", Err: errors.New(field + ": " + message),
		Fields: []switchgear.FieldError{{Field: field, Message: message}},
	}
}

// plan fills in what the query leaves open, and says which tier answers it.
func (l *ladder) plan(q Query, now time.Time) (Answer, int, error) {
	a := Answer{Step: q.Step, From: q.From.UTC(), To: q.To.UTC(), Gaps: []Gap{}}
	if q.To.IsZero() || q.To.After(now) {
		a.To = now.UTC()
	}
	if q.From.IsZero() {
		a.From = a.To.Add(-defaultRange)
	}
	if !a.From.Before(a.To) {
		return a, 0, invalid("from", "%s is not before the end of the range, %s", a.From.Format(time.RFC3339), a.To.Format(time.RFC3339))
	}
	if a.From.Unix() < 0 {
		return a, 0, invalid("from", "%s is before 1970", a.From.Format(time.RFC3339))
	}
	if q.Step != 0 && (q.Step < time.Second || q.Step%time.Second != 0 || q.Step > maxStep) {
		return a, 0, invalid("step", "%v is not a whole number of seconds, from 1s to %v", q.Step, maxStep)
	}
	services := int64(max(len(q.Services), 1))
	// A coarser step moves the beginning back, which may take a coarser tier.
	from := a.From
	finest := l.finestKept(from, now)
	t := l.fit(&a, finest, services, now)
	for again := l.finestKept(a.From, now); again > finest; again = l.finestKept(a.From, now) {
		finest, a.From, a.Step = again, from, q.Step
		t = l.fit(&a, finest, services, now)
	}
	if n := a.buckets(); n > maxPoints || n*services > maxAnswer {
		return a, 0, invalid("step", "a step of %v from %s to %s is %d points for each of %d services, more than %d, or %d in all: ask for a longer step or a shorter range",
			a.Step, a.From.Format(time.RFC3339), a.To.Format(time.RFC3339), n, services, maxPoints, maxAnswer)
	}
	return a, t, nil
}

// fit chooses the step of the answer, where there is none, and the coarsest tier
// that has it and reaches as far back, and moves the beginning to a multiple of it.
func (l *ladder) fit(a *Answer, finest int, services int64, now time.Time) (t int) {
	if a.Step == 0 {
		a.Step = niceStep(a, tiers[finest].step, min(defaultPoints, maxAnswer/services))
	}
	if over := a.Step % tiers[finest].step; over != 0 {
		a.Step += tiers[finest].step - over
	}
	step := int64(a.Step / time.Second)
	a.From = time.Unix(floorDiv(a.From.Unix(), step)*step, 0).UTC()
	t = finest
	for i := finest; i < len(l); i++ {
		if a.Step%l[i].step == 0 && l[i].reaches(a.From, now) {
			t = i
		}
	}
	return t
}

// niceStep is the finest of the nice ones, or so many days, of which the range has
// so many at most.
func niceStep(a *Answer, finest time.Duration, most int64) time.Duration {
	for _, step := range nice {
		if a.Step = step; step >= finest && a.buckets() <= most {
			return step
		}
	}
	return time.Duration(1+a.buckets()/most) * 24 * time.Hour
}

// buckets is how many steps the range has, and begins.
func (a *Answer) buckets() int64 {
	step := int64(a.Step / time.Second)
	to := a.To.Unix()
	if a.To.Nanosecond() > 0 {
		to++
	}
	return (to - a.From.Unix() + step - 1) / step
}

// hold are the chunks of services that memory holds, by when they start. It is
// asked before the store is: what is written in between is then in both.
func (r *Recorder) hold(t int, services []string) map[string]map[int64]fleet.SeriesChunk {
	held := make(map[string]map[int64]fleet.SeriesChunk, len(services))
	for _, name := range services {
		held[name] = make(map[int64]fleet.SeriesChunk)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.waiting {
		if of := held[c.Service]; of != nil && c.Step == tiers[t].step {
			of[c.Start.Unix()] = c
		}
	}
	for name, of := range held {
		if track := r.tracks[name]; track != nil && track.open[t].n > 0 {
			c := track.open[t].chunk(name, &tiers[t], r.run)
			of[c.Start.Unix()] = c
		}
	}
	return held
}

// chunks are those of a service in a range, with the newest before it, in the
// order in which they were written: two runs can be in one time if the clock went
// back. What memory holds is newer than what is stored.
func (r *Recorder) chunks(ctx context.Context, service string, t int, from, to time.Time, held map[int64]fleet.SeriesChunk) ([]fleet.SeriesChunk, error) {
	stored, err := r.store.Series(ctx, fleet.SeriesQuery{Service: service, Step: tiers[t].step, From: from, To: to})
	if err != nil {
		return nil, err
	}
	all := maps.Clone(held)
	for _, c := range stored {
		if _, newer := all[c.Start.Unix()]; !newer {
			all[c.Start.Unix()] = c
		}
	}
	out := make([]fleet.SeriesChunk, 0, len(all))
	for _, c := range all {
		if c.Start.Before(to) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b fleet.SeriesChunk) int {
		return cmp.Or(cmp.Compare(runOf(a.Points), runOf(b.Points)), a.Start.Compare(b.Start))
	})
	return out, nil
}

// each calls yield with all samples of the chunks.
func (r *Recorder) each(ctx context.Context, t int, chunks []fleet.SeriesChunk, yield func(s *sample)) {
	for i := range chunks {
		c := &chunks[i]
		if err := decode(c.Points, tiers[t].tick(c.Start), yield); err != nil {
			r.log.ErrorContext(ctx, "a chunk of a series is spoiled: what cannot be read is left out",
				slog.String("service", c.Service), slog.Duration("step", c.Step), slog.Time("start", c.Start), slog.Any("error", err))
		}
	}
}

// points are a service's points in the range of the answer.
func (r *Recorder) points(ctx context.Context, service string, t int, a *Answer, held map[int64]fleet.SeriesChunk) ([]Point, error) {
	chunks, err := r.chunks(ctx, service, t, a.From.Add(-time.Second), a.To, held)
	if err != nil {
		return nil, err
	}
	s := newSummer(a)
	first, end := tiers[t].tick(a.From), tiers[t].tick(a.To.Add(tiers[t].step-1))
	before := false
	r.each(ctx, t, chunks, func(p *sample) {
		before = before || p.tick < first
	})
	if !before {
		p, known, err := r.before(ctx, service, t+1, a.From)
		if err != nil {
			return nil, err
		}
		if known {
			s.begin(&p)
		}
	}
	step := int64(tiers[t].step / time.Second)
	r.each(ctx, t, chunks, func(p *sample) {
		switch {
		case p.tick < first:
			s.begin(p)
		case p.tick < end:
			s.add(p, p.tick*step)
		default:
			s.pass(p)
		}
	})
	return s.points(), nil
}

// before is the newest sample that the tiers from t on have of a service before a
// moment.
func (r *Recorder) before(ctx context.Context, service string, t int, at time.Time) (found sample, known bool, err error) {
	for ; t < len(tiers) && !known; t++ {
		held := r.hold(t, []string{service})[service]
		chunks, err := r.chunks(ctx, service, t, at.Add(-tiers[t].step), at, held)
		if err != nil {
			return found, false, err
		}
		end := tiers[t].tick(at)
		r.each(ctx, t, chunks, func(s *sample) {
			if s.tick < end {
				found, known = *s, true
			}
		})
	}
	if !known {
		r.mu.Lock()
		defer r.mu.Unlock()
		if track := r.tracks[service]; track != nil && track.known && track.newest.tick < at.Unix() {
			return track.newest, true, nil
		}
	}
	return found, known, nil
}
