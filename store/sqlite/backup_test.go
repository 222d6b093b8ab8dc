package sqlite_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/sqlite"
)

// names are the files of a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// seqIn is the highest seq of a database file that is a directory's own copy.
func seqIn(t *testing.T, file string) uint64 {
	t.Helper()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "switchgear.db"), get(t, file))
	got, err := open(t, dir).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got.Seq
}

func backup(t *testing.T, dir, file string) {
	t.Helper()
	if err := sqlite.Backup(t.Context(), dir, file); err != nil {
		t.Fatalf("Backup: %v", err)
	}
}

func TestBackup_CopiesADatabaseThatAnotherProcessWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := start(t, "commit", dir)
	var lastID, lastSeq int64
	next := func() {
		t.Helper()
		said, ok := c.line()
		if !ok {
			t.Fatal("the child ended")
		}
		parse(t, said, &lastID, &lastSeq)
	}
	for range 5 {
		for range 10 {
			next()
		}
		file := filepath.Join(t.TempDir(), "copy?.db")
		backup(t, dir, file)
		if got := names(t, filepath.Dir(file)); !slices.Equal(got, []string{"copy?.db"}) {
			t.Errorf("files: %v", got)
		}
		moved := t.TempDir()
		put(t, filepath.Join(moved, "switchgear.db"), get(t, file))
		s := open(t, moved)
		verify(t, s, moved, lastID, lastSeq)
		shut(t, s)
		if got := line(t, foreign(t, moved), "PRAGMA application_id"); got != "1398228818" {
			t.Errorf("application_id = %s", got)
		}
	}
	for range 10 { // it goes on
		next()
	}
	c.kill(t)
}

func TestBackup_IsForTheOwnerAloneAndOneFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	write(t, s, 1)
	file := filepath.Join(t.TempDir(), "copy.db")
	backup(t, dir, file) // of a store of this process
	write(t, s, 2)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if got := seqIn(t, file); got != 1 {
		t.Errorf("seq = %d", got)
	}
	shut(t, s)
	later := filepath.Join(filepath.Dir(file), "later.db")
	backup(t, dir, later) // and of one that nobody has open
	if got := seqIn(t, later); got != 2 {
		t.Errorf("seq = %d", got)
	}
	if got := names(t, filepath.Dir(file)); !slices.Equal(got, []string{"copy.db", "later.db"}) {
		t.Errorf("files: %v", got)
	}
	shut(t, open(t, dir)) // the lock is nobody's
}

func TestBackup_WritesOverNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, open(t, dir), 1)
	file := filepath.Join(t.TempDir(), "copy.db")
	put(t, file, []byte("dear"))
	if err := sqlite.Backup(t.Context(), dir, file); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), file) {
		t.Errorf("Backup = %v", err)
	}
	if string(get(t, file)) != "dear" || len(names(t, filepath.Dir(file))) != 1 {
		t.Errorf("%q, files %v", get(t, file), names(t, filepath.Dir(file)))
	}
}

func TestBackup_RefusesWhatIsNoWholeDatabase(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(t *testing.T, path string)
		want   error
	}{
		"missing": {func(t *testing.T, path string) {
			t.Helper()
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, sqlite.ErrDamaged},
		"a text": {func(t *testing.T, path string) {
			t.Helper()
			put(t, path, []byte(strings.Repeat("text\n", 2000)))
		}, sqlite.ErrDamaged},
		"a page of zeros": {func(t *testing.T, path string) {
			t.Helper()
			content := get(t, path)
			clear(content[len(content)/2/page*page:][:page])
			put(t, path, content)
		}, sqlite.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c.damage(t, used(t, dir))
			file := filepath.Join(t.TempDir(), "copy.db")
			if err := sqlite.Backup(t.Context(), dir, file); !errors.Is(err, c.want) {
				t.Errorf("Backup = %v", err)
			}
			if got := names(t, filepath.Dir(file)); len(got) != 0 {
				t.Errorf("files: %v", got)
			}
		})
	}
}

func TestBackup_LeavesNothingWhenItIsGivenUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	used(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := filepath.Join(t.TempDir(), "copy.db")
	if err := sqlite.Backup(ctx, dir, file); !errors.Is(err, context.Canceled) {
		t.Errorf("Backup = %v", err)
	}
	if got := names(t, filepath.Dir(file)); len(got) != 0 {
		t.Errorf("files: %v", got)
	}
	missing := filepath.Join(t.TempDir(), "nowhere", "copy.db")
	if err := sqlite.Backup(t.Context(), dir, missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Backup = %v", err)
	}
}

// backupOnAndOn makes copies beside each other until it is killed.
func backupOnAndOn(ctx context.Context, dir string) error {
	for n := 0; ; n++ {
		if err := sqlite.Backup(ctx, dir, filepath.Join(dir, "copies", strings.Repeat("n", n+1))); err != nil {
			return err
		}
		os.Stdout.WriteString("copied\n") //nolint:errcheck // the parent's loss
	}
}

func TestBackup_LeavesNoHalfFileUnderItsName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	used(t, dir)
	copies := filepath.Join(dir, "copies")
	for range 5 {
		if err := os.Mkdir(copies, 0o700); err != nil {
			t.Fatal(err)
		}
		c := start(t, "backup", dir)
		if _, ok := c.line(); !ok {
			t.Fatal("the child ended")
		}
		c.kill(t)
		for _, name := range names(t, copies) {
			if !strings.Contains(name, ".part-") && seqIn(t, filepath.Join(copies, name)) != 2000 {
				t.Errorf("%s is not whole", name)
			}
		}
		if err := os.RemoveAll(copies); err != nil {
			t.Fatal(err)
		}
	}
	b := fleet.Batch{Events: batch(2001).Events}
	if err := open(t, dir).Commit(t.Context(), &b); err != nil {
		t.Error(err)
	}
}
