//go:build unix

package sqlite_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/sqlite"
)

func init() { children["limit"] = writeAgainstALimit }

func TestOpen_MakesFilesForTheOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	write(t, open(t, dir), 1)
	for name, want := range map[string]fs.FileMode{
		"":                  0o700,
		"switchgear.db":     0o600,
		"switchgear.db-wal": 0o600,
		"switchgear.db-shm": 0o600,
		"switchgear.lock":   0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if got := info.Mode().Perm(); got != want {
			t.Errorf("%q has the rights %o, want %o", name, got, want)
		}
	}
}

func TestOpen_LeavesTheRightsThatAnOwnerChose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shut(t, open(t, dir))
	path := filepath.Join(dir, "switchgear.db")
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	write(t, open(t, dir), 1)
	for _, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// writeAgainstALimit says what comes of commits before, under and after a
// limit of the system on the length of files.
func writeAgainstALimit(ctx context.Context, dir string) error {
	s, err := sqlite.Open(ctx, dir, sqlite.Options{Timeout: time.Minute})
	if err != nil {
		return err
	}
	try := func(b fleet.Batch) {
		if err := s.Commit(ctx, &b); err != nil {
			fmt.Println(fleet.KindOf(err), err)
			return
		}
		fmt.Println("done")
	}
	try(batch(1))
	signal.Ignore(unix.SIGXFSZ)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	tight := was
	tight.Cur = 300_000
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &tight); err != nil {
		return err
	}
	try(large())
	try(large())
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	try(large())
	return s.Close()
}

func TestStore_IsUnavailableWhileTheSystemRefusesToWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := start(t, "limit", dir)
	const refused = "unavailable commit: the disk does not read or write: disk I/O error (778)"
	for i, want := range []string{"done", refused, refused, "done"} {
		if got, ok := c.line(); got != want || !ok {
			t.Errorf("commit %d: %q, want %q", i, got, want)
		}
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	if got, err := open(t, dir).Load(t.Context()); err != nil || got.Seq != 2001 {
		t.Errorf("Load = %+v, %v", got, err)
	}
}
