package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/sqlite"
)

func init() {
	children["endure"] = endure
	children["ride"] = rideOut
	children["open"] = openAndClose
	children["restore"] = restoreOnce
}

// traced runs a child whose system calls fail as strace's expressions say, and
// returns the lines that it said, once it has ended; ok is false where there is
// no strace to do it.
func traced(t *testing.T, name, dir string, expressions ...string) (said []string, ended error, ok bool) {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("SWITCHGEAR_TEST_REQUIRE") == "1" {
			t.Fatal("strace is not there: apt-get install strace")
		}
		return nil, nil, false
	}
	args := []string{"-f", "-qq", "-o", os.DevNull}
	for _, e := range expressions {
		args = append(args, "-e", e)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, strace, append(args, os.Args[0])...)
	cmd.Env = append(os.Environ(), childEnv+"="+name, childEnv+"_DIR="+dir)
	// The child outlives a strace that is killed: the whole group ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	ended = cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s did not end; it said:\n%s%s", name, &out, &errs)
	}
	if strings.Contains(errs.String(), "PTRACE") || strings.Contains(errs.String(), "ptrace") {
		t.Fatalf("strace may not trace: %s", &errs)
	}
	for lines := bufio.NewScanner(io.MultiReader(&out, &errs)); lines.Scan(); {
		said = append(said, lines.Text())
	}
	return said, ended, true
}

// endure commits until that fails, and then on and on from many sides, and says
// what was acknowledged.
func endure(ctx context.Context, dir string) error {
	s, err := sqlite.Open(ctx, dir, patient)
	if err != nil {
		return err
	}
	var seq atomic.Uint64
	for {
		b := batch(seq.Add(1))
		if err := s.Commit(ctx, &b); err != nil {
			fmt.Println("refused", fleet.KindOf(err), err)
			break
		}
		fmt.Println("ack", b.Events[0].ID)
	}
	<-s.Failed()
	fmt.Println("failed", s.Failure())
	var acks atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				b := batch(seq.Add(1))
				if s.Commit(ctx, &b) == nil || s.Ping(ctx) == nil {
					acks.Add(1)
				}
			}
		})
	}
	wg.Wait()
	_, err = s.Load(ctx)
	fmt.Println("after that", acks.Load(), "acknowledged, read:", err)
	return s.Close()
}

func TestStore_AcknowledgesNothingAfterAnFsyncThatFailed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shut(t, open(t, dir))
	// strace counts the calls of each thread.
	said, ended, ok := traced(t, "endure", dir, "inject=fsync,fdatasync:error=EIO:when=8+")
	if !ok {
		return
	}
	if ended != nil || len(said) < 4 {
		t.Fatalf("%v: %q", ended, said)
	}
	last := int64(len(said) - 3) // what comes before are acknowledgements
	for i, want := range map[int64]string{
		last - 1: fmt.Sprintf("ack %d", last),
		last:     "refused unavailable commit: the disk could not say that it had written: disk I/O error (1034)",
		last + 1: "failed the disk could not say that it had written: disk I/O error (1034)",
		last + 2: "after that 0 acknowledged, read: <nil>",
	} {
		if said[i] != want {
			t.Errorf("line %d: %q, want %q", i, said[i], want)
		}
	}
	s := open(t, dir)
	found, err := s.Events(t.Context(), fleet.EventQuery{Limit: 1000})
	// One more may have been written: nobody was told.
	if n := int64(len(found)); err != nil || n < last || n > last+1 {
		t.Errorf("%d events are there, %d were acknowledged; %v", n, last, err)
	}
	write(t, s, 5000)
}

// rideOut commits until three were refused and, after that, five were taken.
func rideOut(ctx context.Context, dir string) error {
	runtime.LockOSThread() // strace counts what it injects for each thread
	defer runtime.UnlockOSThread()
	s, err := sqlite.Open(ctx, dir, patient)
	if err != nil {
		return err
	}
	for refused, after, seq := 0, 0, uint64(1); after < 5 && seq < 2000; seq++ {
		b := batch(seq)
		switch err := s.Commit(ctx, &b); {
		case err != nil:
			refused++
			fmt.Println("refused", err)
		default:
			if refused >= 3 {
				after++
			}
			fmt.Println("ack", b.Events[0].ID)
		}
	}
	return errors.Join(s.Failure(), s.Close())
}

// wantAcknowledged wants each event there that a child said it was told of, and
// returns how many commits were refused.
func wantAcknowledged(t *testing.T, dir string, said []string, reason string) (refused int) {
	t.Helper()
	s := open(t, dir)
	if got := line(t, foreign(t, dir), "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity_check: %s", got)
	}
	found, err := s.Events(t.Context(), fleet.EventQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	there := make(map[string]bool)
	for i := range found {
		there[fmt.Sprintf("ack %d", found[i].ID)] = true
	}
	for _, line := range said {
		switch {
		case strings.HasPrefix(line, "ack "):
			if !there[line] {
				t.Errorf("%s, and it is not there", line)
			}
		case strings.Contains(line, reason):
			refused++
		default:
			t.Errorf("it said %q", line)
		}
	}
	return refused
}

func TestStore_RidesOutADiskWithoutSpace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shut(t, open(t, dir))
	said, ended, ok := traced(t, "ride", dir, "inject=pwrite64:error=ENOSPC:when=40..90")
	if !ok {
		return
	}
	if ended != nil || !strings.HasPrefix(said[len(said)-1], "ack ") {
		t.Fatalf("%v: %q", ended, said)
	}
	if refused := wantAcknowledged(t, dir, said, "the disk is full"); refused < 3 {
		t.Errorf("%d were refused", refused)
	}
}

func TestStore_RidesOutAFullFileSystem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		return // only root may; what strace does above is the same to us
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	filler := filepath.Join(dir, "filler")
	put(t, filler, make([]byte, 256<<10))
	s := open(t, dir)
	var said []string
	commit := func() error {
		b := batch(uint64(len(said) + 1))
		b.Events[0].Reason = strings.Repeat("x", 1000)
		err := s.Commit(t.Context(), &b)
		if err == nil {
			said = append(said, fmt.Sprintf("ack %d", b.Events[0].ID))
		}
		return err
	}
	err := commit()
	for err == nil {
		err = commit()
	}
	for range 20 {
		wantUnavailable(t, "Commit", err, "the disk is full")
		err = commit()
	}
	if got, err := s.Load(t.Context()); err != nil || got.Seq != uint64(len(said)) {
		t.Errorf("Load = %+v, %v after %d acknowledgements", got, err, len(said))
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	freed := time.Now()
	for commit() != nil {
		if time.Since(freed) > 10*time.Second {
			t.Fatal("it does not heal")
		}
	}
	if s.Failure() != nil {
		t.Error(s.Failure())
	}
	shut(t, s)
	wantAcknowledged(t, dir, said, "-")
}

func openAndClose(ctx context.Context, dir string) error {
	s, err := sqlite.Open(ctx, dir, patient)
	if err != nil {
		return err
	}
	fmt.Println("open")
	return s.Close()
}

func TestOpen_LeavesTheTablesOfAVersionWhenKilledAtAnyWrite(t *testing.T) {
	t.Parallel()
	const content = "SELECT (SELECT COUNT(*) FROM service_events), (SELECT COUNT(*) FROM api_tokens), (SELECT MAX(version) FROM service_configs)"
	for n := 1; n <= 40; n++ {
		dir := version1(t)
		said, ended, ok := traced(t, "open", dir, fmt.Sprintf("inject=pwrite64:signal=KILL:when=%d", n))
		if !ok {
			return
		}
		if ended == nil && len(said) != 1 {
			t.Errorf("killed at write %d: %q", n, said)
		}
		wantVersion(t, dir, "1", "2", "3", "4", "5", "6", newest)
		if got := line(t, foreign(t, dir), content); got != "3|2|3" {
			t.Errorf("killed at write %d: %s", n, got)
		}
		wantVersion1(t, open(t, dir))
		wantVersion(t, dir, newest)
	}
}

func restoreOnce(ctx context.Context, dir string) error {
	kept, err := sqlite.Restore(ctx, dir, filepath.Join(dir, "backup.db"))
	fmt.Println(kept)
	return err
}

func TestRestore_LosesNothingWhenKilledAtAnyChangeOfTheDirectory(t *testing.T) {
	t.Parallel()
	backedUp := get(t, backupAt(t, 1_000_000))
	original, _ := killed(t)
	path := filepath.Join(original, "switchgear.db")
	journal, content := get(t, path+"-wal"), get(t, path)
	oldSeq := seqOf(t, original)
	for _, calls := range []string{"rename,renameat,renameat2", "fsync,fdatasync"} {
		for n, ended := 1, os.ErrProcessDone; ended != nil; n++ {
			dir := t.TempDir()
			path := filepath.Join(dir, "switchgear.db")
			put(t, path, content)
			put(t, path+"-wal", journal)
			file := filepath.Join(dir, "backup.db")
			put(t, file, backedUp)
			var ok bool
			if _, ended, ok = traced(t, "restore", dir, fmt.Sprintf("inject=%s:signal=KILL:when=%d", calls, n)); !ok {
				return
			}
			if n > 30 {
				t.Fatal("it never ends")
			}
			afterAKill(t, fmt.Sprint(calls, " ", n), dir, file, oldSeq)
		}
	}
}
