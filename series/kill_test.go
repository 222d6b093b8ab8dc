package series

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
	"github.com/degenduel/switchgear/store/sqlite"
)

// childEnv names the data directory of a process that a test starts, which records
// until it is killed.
const childEnv = "SWITCHGEAR_SERIES_TEST_DIR"

// recordOnAndOn records 5 operations a second, as fast as it can, from a second on,
// and says each second when what was due of it is written.
func recordOnAndOn(dir string) error {
	var second, total int64
	if _, err := fmt.Sscan(os.Getenv(childEnv+"_FROM"), &second, &total); err != nil {
		return err
	}
	s, err := sqlite.Open(context.Background(), dir, sqlite.Options{Timeout: time.Minute})
	if err != nil {
		return err
	}
	m, err := fleet.New(context.Background(), fleet.Deps{Store: memory.New()}, fleet.Config{})
	if err != nil {
		return err
	}
	r, err := New(Deps{Manager: m, Store: s}, Config{})
	if err != nil {
		return err
	}
	r.run = uint64(second)
	if total == 0 {
		r.see(fleet.Change{Service: "web", Event: &fleet.Event{Kind: fleet.EventRegistered}})
	}
	for ; ; second++ {
		r.tell(uint64(total))
		r.record(second)
		r.gather(second, false)
		if err := r.write(context.Background()); err != nil {
			return err
		}
		fmt.Println(second, total)
		total += 5
	}
}

func TestRecorder_AKillLosesSecondsAtMost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	begin := time.Now().Unix() - 14*60
	second, total := begin, int64(0)
	for kills := range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+dir, fmt.Sprintf("%s_FROM=%d %d", childEnv, second, total))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 100 + 10*kills {
			if !lines.Scan() {
				t.Fatal("the child ended by itself")
			}
			if _, err := fmt.Sscan(lines.Text(), &second, &total); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
		last := killed(t, dir, begin, second, total)
		if lost := second - last; lost > 6 {
			t.Errorf("kill %d: the last point is %d s before what was recorded last", kills, lost)
		}
		second, total = second+3, total+7 // the manager has counted on
	}
}

// killed looks at what a killed process has left, and says which second is the
// last in it.
func killed(t *testing.T, dir string, begin, second, total int64) (last int64) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	r := newBenchRecorder(t, s)
	from := time.Unix(begin, 0)
	a, err := r.Of(t.Context(), "web", from, time.Unix(second+1000, 0), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	points := a.Series[0].Points
	for i, p := range points {
		if i > 0 && !p.At.After(points[i-1].At) {
			t.Errorf("a point at %v after one at %v", p.At, points[i-1].At)
		}
		last = p.At.Unix()
	}
	got, _ := sum(points)
	if most := uint64(total) + 5*1000; got > most || total-int64(got) > 4*(7+5*6) {
		t.Errorf("%d operations are there of %d", got, total)
	}
	for _, step := range []time.Duration{10 * time.Second, time.Minute} {
		if more := wholeSum(t, r, from, step); more > got+5*6*4 || got > more+5*6*4 {
			t.Errorf("at %v there are %d operations, at 1s %d", step, more, got)
		}
	}
	return last
}
