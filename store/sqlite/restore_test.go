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

	"github.com/degenduel/switchgear/store/sqlite"
)

// backupAt is a backup of a database whose highest seq is that.
func backupAt(t *testing.T, seq uint64) (file string) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir)
	write(t, s, seq)
	shut(t, s)
	file = filepath.Join(t.TempDir(), "backup.db")
	backup(t, dir, file)
	return file
}

// killed is a directory whose process was killed: the database's last commits,
// up to the seq, are in its journal.
func killed(t *testing.T) (dir string, seq int64) {
	t.Helper()
	dir = t.TempDir()
	c := start(t, "commit", dir)
	var id int64
	for range 3 {
		said, ok := c.line()
		if !ok {
			t.Fatal("the child ended")
		}
		parse(t, said, &id, &seq)
	}
	for _, said := range c.kill(t) {
		if strings.Count(said, " ") == 1 {
			parse(t, said, &id, &seq)
		}
	}
	return dir, seq
}

func seqOf(t *testing.T, dir string) uint64 {
	t.Helper()
	s := open(t, dir)
	defer shut(t, s)
	got, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got.Seq
}

func restore(t *testing.T, dir, file string) (kept string) {
	t.Helper()
	kept, err := sqlite.Restore(t.Context(), dir, file)
	if err != nil {
		t.Fatalf("Restore: %v", err)
	}
	return kept
}

func TestRestore_PutsABackupInPlaceAndKeepsTheOld(t *testing.T) {
	t.Parallel()
	dir, last := killed(t)
	file := backupAt(t, 1_000_000)
	before := get(t, file)
	kept := restore(t, dir, file)
	if !strings.HasPrefix(kept, filepath.Join(dir, "switchgear.db.before-")) {
		t.Errorf("kept = %q", kept)
	}
	if got := seqOf(t, dir); got != 1_000_000 {
		t.Errorf("seq = %d", got)
	}
	if string(before) != string(get(t, file)) || len(names(t, filepath.Dir(file))) != 1 {
		t.Error("the backup is not as it was")
	}
	if info, err := os.Stat(filepath.Join(dir, "switchgear.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// Back again: what was moved aside has its journal beside it.
	restore(t, dir, kept)
	if got := seqOf(t, dir); int64(got) < last {
		t.Errorf("seq = %d, want %d at least", got, last)
	}
	for _, name := range names(t, dir) {
		if strings.Contains(name, "draft") || strings.Contains(name, "restoring") {
			t.Errorf("%s is left", name)
		}
	}
}

func TestRestore_TakesAnyState(t *testing.T) {
	t.Parallel()
	file := backupAt(t, 5)
	for name, c := range map[string]struct {
		make  func(t *testing.T) (dir string)
		keeps bool
	}{
		"no directory": {func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "new") }, false},
		"an empty one": {func(t *testing.T) string { t.Helper(); return t.TempDir() }, false},
		"a journal alone": {func(t *testing.T) string {
			t.Helper()
			dir := t.TempDir()
			put(t, filepath.Join(dir, "switchgear.db-wal"), []byte("journal"))
			return dir
		}, true},
		"a damaged file": {func(t *testing.T) string {
			t.Helper()
			dir := t.TempDir()
			path := used(t, dir)
			put(t, path, scramble(get(t, path), 3))
			return dir
		}, true},
		"an empty file": {func(t *testing.T) string {
			t.Helper()
			dir := t.TempDir()
			put(t, used(t, dir), nil)
			return dir
		}, true},
		"a higher mark": {func(t *testing.T) string {
			t.Helper()
			dir := t.TempDir()
			used(t, dir)
			return dir
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := c.make(t)
			kept := restore(t, dir, file)
			if (kept != "") != c.keeps {
				t.Errorf("kept = %q", kept)
			}
			if got := seqOf(t, dir); got != 5 {
				t.Errorf("seq = %d", got)
			}
		})
	}
}

func TestRestore_RefusesWhatItShouldNotPutInPlace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file func(t *testing.T, dir string) string
		want error
		says string
	}{
		"nothing":     {func(t *testing.T, _ string) string { t.Helper(); return filepath.Join(t.TempDir(), "nothing.db") }, fs.ErrNotExist, "nothing.db"},
		"a directory": {func(t *testing.T, _ string) string { t.Helper(); return t.TempDir() }, nil, "not a file"},
		"itself":      {func(_ *testing.T, dir string) string { return filepath.Join(dir, "switchgear.db") }, nil, "it is the database itself"},
		"a text": {func(t *testing.T, _ string) string {
			t.Helper()
			file := filepath.Join(t.TempDir(), "text")
			put(t, file, []byte(strings.Repeat("text\n", 2000)))
			return file
		}, sqlite.ErrDamaged, "not a SQLite database"},
		"an empty file": {func(t *testing.T, _ string) string {
			t.Helper()
			file := filepath.Join(t.TempDir(), "empty")
			put(t, file, nil)
			return file
		}, sqlite.ErrDamaged, "another program's"},
		"a damaged backup": {func(t *testing.T, _ string) string {
			t.Helper()
			file := used(t, t.TempDir())
			put(t, file, scramble(get(t, file), 4))
			return file
		}, sqlite.ErrDamaged, "nothing was changed"},
		"another program's": {func(t *testing.T, _ string) string {
			t.Helper()
			dir := t.TempDir()
			run(t, foreign(t, dir), "CREATE TABLE theirs (n INTEGER)")
			return filepath.Join(dir, "switchgear.db")
		}, sqlite.ErrDamaged, "another program's"},
		"one without tables": {func(t *testing.T, _ string) string {
			t.Helper()
			dir := t.TempDir()
			run(t, foreign(t, dir), "PRAGMA application_id = 0x53574752")
			return filepath.Join(dir, "switchgear.db")
		}, sqlite.ErrDamaged, "it has no tables"},
		"a newer one": {func(t *testing.T, _ string) string {
			t.Helper()
			dir := t.TempDir()
			used(t, dir)
			run(t, foreign(t, dir), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")
			return filepath.Join(dir, "switchgear.db")
		}, sqlite.ErrNewer, "version 99"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := open(t, dir)
			write(t, s, 7)
			shut(t, s)
			before := names(t, dir)
			kept, err := sqlite.Restore(t.Context(), dir, c.file(t, dir))
			if err == nil || kept != "" || (c.want != nil && !errors.Is(err, c.want)) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Restore = %q, %v", kept, err)
			}
			if got := names(t, dir); !slices.Equal(got, before) || seqOf(t, dir) != 7 {
				t.Errorf("files: %v, want %v", got, before)
			}
		})
	}
}

func TestRestore_RefusesADirectoryInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := backupAt(t, 5)
	c := start(t, "hold", dir)
	if said, ok := c.line(); !ok || said != "open" {
		t.Fatalf("the child said %q", said)
	}
	if kept, err := sqlite.Restore(t.Context(), dir, file); !errors.Is(err, sqlite.ErrInUse) || kept != "" {
		t.Errorf("Restore = %q, %v", kept, err)
	}
	c.kill(t)
	restore(t, dir, file)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlite.Restore(ctx, dir, file); !errors.Is(err, context.Canceled) {
		t.Errorf("Restore = %v", err)
	}
	if got := seqOf(t, dir); got != 5 {
		t.Errorf("seq = %d", got)
	}
}

func TestRestore_OfAnOldVersionIsMigratedAtTheNextStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, open(t, dir), 1)
	other := t.TempDir()
	restore(t, other, filepath.Join(version1(t), "switchgear.db"))
	wantVersion(t, other, "1")
	wantVersion1(t, open(t, other))
	wantVersion(t, other, newest)
}

// afterAKill wants the old database, the new one, or a start that says what to
// do; and that to do that brings the new one and keeps the old.
func afterAKill(t *testing.T, where any, dir, file string, oldSeq uint64) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	switch {
	case err == nil:
		got, err := s.Load(t.Context())
		if err != nil || (got.Seq != oldSeq && got.Seq != 1_000_000) {
			t.Errorf("killed at %v: seq = %d, %v", where, got.Seq, err)
		}
		shut(t, s)
		if got.Seq == 1_000_000 {
			return
		}
	case !errors.Is(err, sqlite.ErrDamaged) || !strings.Contains(err.Error(), `do it again with "switchgear restore FILE"`) || !strings.Contains(err.Error(), "switchgear.db.before-"):
		t.Fatalf("killed at %v: Open = %v", where, err)
	}
	kept := restore(t, dir, file)
	if got := seqOf(t, dir); got != 1_000_000 {
		t.Errorf("killed at %v, and again: seq = %d", where, got)
	}
	restore(t, dir, kept)
	if got := seqOf(t, dir); got != oldSeq {
		t.Errorf("killed at %v, again, and back: seq = %d, want %d", where, got, oldSeq)
	}
}

func TestRestore_LosesNothingWhereverItEnds(t *testing.T) {
	t.Parallel()
	file := backupAt(t, 1_000_000)
	original, _ := killed(t)
	path := filepath.Join(original, "switchgear.db")
	journal := get(t, path+"-wal")
	content := get(t, path)
	oldSeq := seqOf(t, original)
	for n := range sqlite.RestoreSteps + 1 {
		for _, withJournal := range []bool{true, false} {
			dir := t.TempDir()
			path, want := filepath.Join(dir, "switchgear.db"), oldSeq
			put(t, path, content)
			if withJournal {
				put(t, path+"-wal", journal)
			} else {
				s := open(t, dir)
				write(t, s, 77)
				shut(t, s)
				want = 77
			}
			if err := sqlite.RestoreUntil(t.Context(), dir, file, n); err != nil {
				t.Fatal(err)
			}
			afterAKill(t, n, dir, file, want)
		}
	}
}

func TestBackup_RefusesAHalfRestoredDirectory(t *testing.T) {
	t.Parallel()
	dir, _ := killed(t)
	if err := sqlite.RestoreUntil(t.Context(), dir, backupAt(t, 5), 4); err != nil {
		t.Fatal(err)
	}
	err := sqlite.Backup(t.Context(), dir, filepath.Join(t.TempDir(), "copy.db"))
	if !errors.Is(err, sqlite.ErrDamaged) || !strings.Contains(err.Error(), "a restore was interrupted") {
		t.Errorf("Backup = %v", err)
	}
}
