package switchgear

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestKeyed_CountsEveryOperationWhileKeysComeAndGo lets a thousand goroutines use
// many more keys than there may be, in every way, with hands that reach in
// between.
func TestKeyed_CountsEveryOperationWhileKeysComeAndGo(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1, 40, 5000} {
		t.Run(fmt.Sprint(most, " keys"), func(t *testing.T) {
			t.Parallel()
			k := newKeyed(t, KeyedConfig{
				Config: Config{
					FailureThreshold: 2, ResetTimeout: time.Millisecond, MaxResetTimeout: 2 * time.Millisecond,
					MinHealthyPeriod: 2 * time.Millisecond, ProbeTimeout: time.Hour, HalfOpenFailureThreshold: 3, Hooks: idle(),
				},
				MaxKeys: most, OpenShare: 0.6, MinimumKeys: 10,
			})
			stop := k.ObserveKeys(func(KeyChange) {})
			unobserve := k.Observe(func(Transition) {})
			var asked, ran, rejected, apartFrom atomic.Uint64
			together(func(i int) {
				r := rand.New(rand.NewPCG(uint64(i), 7))
				for range 30 {
					b := k.Breaker(strconv.Itoa(r.IntN(2 * most)))
					switch r.IntN(max(40, most)) {
					case 0:
						k.Remove(b.Key())
					case 1:
						_ = k.Configure(Config{FailureThreshold: 1 + r.IntN(3), ResetTimeout: time.Millisecond, MinHealthyPeriod: time.Millisecond})
					case 2:
						_ = k.Snapshot()
					case 3:
						_ = b.Reset(Closed, Order{})
					case 4:
						for key := range k.All() {
							k.Lookup(key)
							break
						}
					}
					asked.Add(1)
					switch r.IntN(3) {
					case 0:
						b.HandleError(errBoom, 0)
						apartFrom.Add(1)
					default:
						_, err := Do(context.Background(), b, func(context.Context) (int, error) {
							ran.Add(1)
							return 0, sampleOf(r, nil, nil, errBoom, Ignore(errBoom))
						})
						if ignoring(err, errBoom) != nil {
							rejected.Add(1)
						}
					}
					if n := k.Len(); n > most {
						t.Errorf("%d keys are known", n)
					}
				}
			})
			s := k.Snapshot()
			o := s.Operations
			if got, want := o.Total()+o.Ignored, ran.Load()+apartFrom.Load(); got != want || o.Rejected != rejected.Load() || got+o.Rejected != asked.Load() {
				t.Errorf("counted %+v, want %d and %d rejected", o, want, rejected.Load())
			}
			n, open := 0, 0
			for _, b := range k.All() {
				quiet(b)
				if n++; b.State() == Open {
					open++
				}
			}
			if k.Len() != n || s.Keys != n || s.Keys > most {
				t.Errorf("%d keys are known of %d, %d are counted", n, k.Len(), s.Keys)
			}
			t.Logf("%d evicted, %d overflowed, %d open, the parent has moved %d times", s.Evicted, s.Overflowed, open, s.Parent.Transitions)
			stop()
			unobserve()
			quiet(k.Parent())
			quiet(&k.overflow.breaker)
		})
	}
}

func sampleOf[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// TestKeyed_KnowsAKeyOnceThatMayHaveComeMeanwhile has room to be found in another
// shard than that of the key.
func TestKeyed_KnowsAKeyOnceThatMayHaveComeMeanwhile(t *testing.T) {
	t.Parallel()
	const most, free = exactKeys + 1, 3
	k := newKeyed(t, KeyedConfig{MaxKeys: most})
	for i := range most - free {
		mustNot(t, k.Breaker(strconv.Itoa(i)).Override(untilTomorrow(ForcedOpen)))
	}
	for round := range 300 {
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() { k.Breaker(fmt.Sprint("round ", round)) })
		}
		all.Wait()
	}
	n := 0
	for _, b := range k.All() {
		quiet(b)
		n++
	}
	// The last of them may have let a key go for nothing.
	if n != k.Len() || n > most || n < most-free {
		t.Errorf("%d keys are known, %d are counted, of %d", n, k.Len(), most)
	}
}

// TestKeyed_AThousandAskForANewKeyAndGetOneBreaker has every goroutine grow the
// same table.
func TestKeyed_AThousandAskForANewKeyAndGetOneBreaker(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, KeyedConfig{MaxKeys: 4096})
	var got [300]atomic.Pointer[Breaker]
	together(func(i int) {
		r := rand.New(rand.NewPCG(uint64(i), 9))
		for _, n := range r.Perm(len(got)) {
			b := k.Breaker(strconv.Itoa(n))
			if !got[n].CompareAndSwap(nil, b) && got[n].Load() != b {
				t.Errorf("two breakers of %d", n)
			}
		}
	})
	if k.Len() != len(got) {
		t.Errorf("%d keys", k.Len())
	}
}

// TestKeyed_NeverHasMoreOpenAndRecoveringKeysThanKeys looks while all of them go
// from open to half-open and back.
func TestKeyed_NeverHasMoreOpenAndRecoveringKeysThanKeys(t *testing.T) {
	t.Parallel()
	k, all := family(t, KeyedConfig{Config: Config{ResetTimeout: time.Hour}}, 64, 64)
	var over atomic.Bool
	var flapping sync.WaitGroup
	flapping.Go(func() {
		for !over.Load() {
			for _, b := range all {
				_ = b.Reset(HalfOpen, Order{})
			}
			for _, b := range all {
				b.HandleError(errBoom, 0)
			}
		}
	})
	for range 300 {
		if s := k.Snapshot(); s.Open+s.HalfOpen > s.Keys || s.Pinned != s.Open || s.Keys != len(all) {
			t.Errorf("of %d keys %d are open, %d pinned and %d half-open", s.Keys, s.Open, s.Pinned, s.HalfOpen)
			break
		}
	}
	over.Store(true)
	flapping.Wait()
	for _, b := range all {
		quiet(b)
	}
}
