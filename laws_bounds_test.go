package switchgear

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

// TestLaw18_Memory is alone: it looks at the heap.
func TestLaw18_Memory(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	const n = 10_000
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("service_%d", i)
	}
	breakers := make([]*Breaker, n)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	empty := heap()
	for i := range breakers {
		breakers[i] = newBreaker(t, Config{})
		breakers[i].name = names[i]
	}
	made := heap()
	for _, b := range breakers {
		succeed(b)
	}
	used := heap()
	for _, b := range breakers {
		b.met(b.stripe(), patience)
	}
	shared := heap()
	if size := unsafe.Sizeof(Breaker{}); size > 480 {
		t.Errorf("a breaker has %d bytes, want 480 at most: the allocator gives more than it uses above", size)
	}
	if each := (made - empty) / n; each > 1024 {
		t.Errorf("a breaker before its first operation takes %d bytes, want 1024 at most", each)
	}
	if each := (used - empty) / n; each > 2048 {
		t.Errorf("a breaker after its first operation takes %d bytes, want 2048 at most", each)
	}
	if each := (shared - empty) / n; each > 2048 {
		t.Errorf("a breaker where two cores have met takes %d bytes, want 2048 at most", each)
	}
	for _, b := range breakers {
		quiet(b)
	}
}

// TestLaw18_NoGoroutine is alone: it counts goroutines.
func TestLaw18_NoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	breakers := make([]*Breaker, 1000)
	for i := range breakers {
		breakers[i] = newBreaker(t, Config{FailureThreshold: 2, ResetTimeout: time.Hour})
		succeed(breakers[i])
		for range i % 3 { // some of them open
			fail(breakers[i])
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines came with 1000 breakers", after-before)
	}
	for _, b := range breakers {
		b.timer.Stop()
	}
}

func TestLaw18_NoTimerWhenIdle(t *testing.T) {
	t.Parallel()
	idle := func(t *testing.T, b *Breaker) {
		t.Helper()
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.armed != math.MaxInt64 || b.timer != nil && b.timer.Stop() {
			t.Errorf("a timer is armed for %v", time.Duration(b.armed-b.now()))
		}
	}
	for name, use := range map[string]func(*testing.T, *Breaker){
		"unused":      func(*testing.T, *Breaker) {},
		"a success":   func(_ *testing.T, b *Breaker) { succeed(b) },
		"a failure":   func(_ *testing.T, b *Breaker) { fail(b) },
		"lost":        func(t *testing.T, b *Breaker) { t.Helper(); _, err := b.Allow(t.Context()); mustNot(t, err) },
		"an override": func(t *testing.T, b *Breaker) { t.Helper(); mustNot(t, b.Override(untilTomorrow(ForcedClosed))) },
		"disabled":    func(t *testing.T, b *Breaker) { t.Helper(); mustNot(t, b.Configure(Config{Disabled: true})); fail(b) },
		"a recovery": func(t *testing.T, b *Breaker) {
			t.Helper()
			mustNot(t, b.Reset(HalfOpen, Order{}))
			succeed(b)
		},
		"an opening": func(t *testing.T, b *Breaker) {
			t.Helper()
			for range 5 {
				fail(b)
			}
			wait(2 * time.Minute)
			succeed(b)
		},
	} {
		t.Run(name, bubble(func(t *testing.T) {
			b := newBreaker(t, Config{})
			use(t, b)
			wait(25 * time.Hour)
			idle(t, b)
		}))
	}
	t.Run("two tenths of the window after the last operation", bubble(func(t *testing.T) {
		b := newBreaker(t, Config{MonitoringWindow: 100 * time.Second})
		for range 100 {
			succeed(b)
			wait(7 * time.Second)
		}
		wait(14 * time.Second)
		idle(t, b)
	}))
	t.Run("a recovery that waits for traffic", bubble(func(t *testing.T) {
		idle(t, recovering(t, Config{}))
	}))
}

func mustNot(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestLaw18_RecoveryIsBounded loses operations in a recovery that never ends.
func TestLaw18_RecoveryIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := recovering(t, Config{
			HalfOpenFailureThreshold: 1000, FailureRateThreshold: 1, MinHealthyPeriod: 24 * time.Hour,
			ProbeTimeout: 80 * time.Millisecond, RecoverySteps: []float64{},
		})
		succeed(b)
		r := b.recovery.Load()
		for range 900 {
			if _, err := b.Allow(t.Context()); err != nil {
				t.Fatal(err)
			}
			succeed(b)
			wait(7 * time.Millisecond)
		}
		wait(time.Second)
		if r.failures != 900 || b.State() != HalfOpen {
			t.Errorf("%d failures of 900 lost operations, %v", r.failures, b.State())
		}
	})
}

// TestLaw18_NoTimeInPackageVariables reads the package: a time that is kept
// there would be of another clock than a bubble's, or shared by all.
func TestLaw18_NoTimeInPackageVariables(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			if g, ok := decl.(*ast.GenDecl); ok && g.Tok == token.VAR && keepsTime(g) {
				t.Errorf("%s keeps time in a package variable", name)
			}
		}
	}
}

// keepsTime looks for what makes or is a time, as opposed to a duration.
func keepsTime(decl ast.Node) (found bool) {
	ast.Inspect(decl, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := s.X.(*ast.Ident); ok && pkg.Name == "time" {
			switch s.Sel.Name {
			case "Time", "Timer", "Ticker", "Now", "AfterFunc", "NewTimer", "NewTicker", "Tick", "After", "Since":
				found = true
			}
		}
		return true
	})
	return found
}

// TestHotPathsAllocateNothing is alone: it counts allocations.
func TestHotPathsAllocateNothing(t *testing.T) {
	closed := newBreaker(t, Config{})
	rated := newBreaker(t, Config{FailureRateThreshold: 0.5, MinimumOperations: 20})
	shut := newBreaker(t, Config{FailureThreshold: 1, ResetTimeout: time.Hour})
	fail(shut)
	forced := newBreaker(t, Config{})
	mustNot(t, forced.Override(untilTomorrow(ForcedOpen)))
	ctx := context.Background()
	run := func(context.Context) (int, error) { return 1, nil }
	through := func(b *Breaker) func() {
		return func() {
			//nolint:errcheck // a rejection is what some of them want
			Do(ctx, b, run)
		}
	}
	for name, f := range map[string]func(){
		"Do, closed":            through(closed),
		"Do, closed, by rate":   through(rated),
		"Do, open":              through(shut),
		"Do, forced open":       through(forced),
		"Allow, open":           func() { _, _ = shut.Allow(ctx) },
		"State":                 func() { closed.State() },
		"RecordSuccess, closed": func() { closed.RecordSuccess(0) },
		"Allow and Done, closed": func() {
			p, err := closed.Allow(ctx)
			if err == nil {
				p.Done(nil)
			}
		},
	} {
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
	closed.timer.Stop()
	rated.timer.Stop()
}

// TestHotPathsWaitForNoLock holds the mutex meanwhile: who waits for it hangs. What
// waits once has been done before.
func TestHotPathsWaitForNoLock(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  Config
		open bool
	}{
		"closed": {Config{}, false}, "closed, by rate": {Config{FailureRateThreshold: 0.5}, false},
		"closed, by slow calls": {Config{SlowCallDuration: time.Hour, SlowCallRateThreshold: 0.5}, false},
		"open":                  {Config{FailureThreshold: 2, ResetTimeout: time.Hour}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, c.cfg)
			_ = letIn(t, b, 1) // the first of its slice
			fail(b)
			if c.open {
				fail(b)
			}
			succeed(b) // the first after a failure
			ended := make(chan struct{})
			b.mu.Lock()
			go func() {
				defer close(ended)
				for range 1000 {
					if do(b, nil) == c.open {
						t.Error("it is the other way round")
					}
					if p, err := b.Allow(context.Background()); err == nil {
						p.Done(nil)
					}
				}
			}()
			select {
			case <-ended:
				b.mu.Unlock()
			case <-time.After(10 * time.Second):
				b.mu.Unlock()
				<-ended
				t.Error("an operation waits for the mutex")
			}
			quiet(b)
		})
	}
}
