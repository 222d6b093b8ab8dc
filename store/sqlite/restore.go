package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/degenduel/switchgear/store/internal/sqlstore"
)

// Restore puts a copy of a file that [Backup] made, or of a database that an
// earlier Restore moved aside, in the place of the database in the directory,
// which it makes if there is none. No manager may have the directory: that is
// ErrInUse. The file is checked whole before anything is changed, and itself
// stays as it is; one that is not a whole database of ours is ErrDamaged, one of
// a newer version ErrNewer. An older one is migrated by the next Open.
//
// What was there before is moved aside, never removed: kept is where it is now,
// with its journal beside it, and is empty if there was nothing. A process that
// is killed on the way leaves the old database, the new one, or a directory that
// Open refuses until Restore is done again.
//
// With the database all of its history goes back to when the copy was made: seq,
// the IDs of events, the versions of configs go on from there and are given a
// second time; tokens that were revoked since are valid again, and writes sent
// with a key since can happen again. Those who follow the stream are not misled:
// a manager names its epoch anew at each start, and a seq is of an epoch.
func Restore(ctx context.Context, dir, file string) (kept string, err error) {
	if file, err = filepath.Abs(file); err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	path, lock, err := enter(dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	if err := give(lock.file.Name(), filepath.Dir(path)); err != nil {
		return "", err
	}
	r := &restoration{path: path, draft: path + ".draft", file: file}
	for _, step := range r.steps(ctx) {
		if err := step(); err != nil {
			return r.found(), fmt.Errorf("restore %s: %w", file, err)
		}
	}
	return r.found(), nil
}

type restoration struct {
	path, draft, file string
	kept              string // where the old database goes
}

// steps are what a restore does, in an order in which it may end after each. As
// long as the marker is there, nobody opens the database: without the marker, an
// old journal would meet a new file, or a missing file be made anew, empty.
func (r *restoration) steps(ctx context.Context) []func() error {
	dir := filepath.Dir(r.path)
	return []func() error{
		func() error { return r.copy(ctx) },
		func() error { return r.prove(ctx) },
		r.announce,
		func() error {
			if exists(r.kept) { // then this is the file of a restore that was interrupted
				return nil
			}
			return aside(r.path, r.kept)
		},
		func() error { return aside(r.path+"-wal", r.kept+"-wal") },
		func() error { return aside(r.path+"-shm", r.kept+"-shm") },
		func() error { return errors.Join(removeMark(r.path), syncDir(dir)) },
		func() error { return os.Rename(r.draft, r.path) },
		func() error { return syncDir(dir) },
		func() error { return errors.Join(os.Remove(markerOf(r.path)), syncDir(dir)) },
	}
}

// copy makes a draft beside the database: the file is only read.
func (r *restoration) copy(ctx context.Context) error {
	switch info, err := os.Stat(r.file); {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is not a file")
	default:
		if old, err := os.Stat(r.path); err == nil && os.SameFile(old, info) {
			return errors.New("it is the database itself")
		}
	}
	if err := discard(r.draft); err != nil {
		return err
	}
	if err := copyFile(ctx, r.file, r.draft); err != nil {
		return err
	}
	// A database that was moved aside may have a journal.
	if err := copyFile(ctx, r.file+"-wal", r.draft+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// prove takes the draft's journal into it, checks all of it and syncs it.
func (r *restoration) prove(ctx context.Context) error {
	if err := r.examine(ctx); err != nil {
		return errors.Join(err, discard(r.draft))
	}
	if err := give(r.draft, filepath.Dir(r.path)); err != nil {
		return err
	}
	return syncFile(r.draft)
}

func (r *restoration) examine(ctx context.Context) (err error) {
	db, err := pool(r.draft, 1, url.Values{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	switch finding, err := examine(ctx, db, "integrity_check"); {
	case err != nil:
		return err
	case finding != "":
		return fmt.Errorf("%w, and nothing was changed: %s", ErrDamaged, finding)
	}
	if _, err := db.ExecContext(ctx, "PRAGMA journal_mode = DELETE"); err != nil {
		return err
	}
	migrations, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return err
	}
	have, err := sqlstore.Version(ctx, db, goose.DialectSQLite3, migrations)
	if err == nil && have < 1 {
		err = fmt.Errorf("%w, and nothing was changed: it has no tables", ErrDamaged)
	}
	return err
}

// announce makes the marker, or takes the name that the marker of an earlier
// restore has: what that has moved must not be parted.
func (r *restoration) announce() error {
	dir := filepath.Dir(r.path)
	if name, interrupted := readMarker(r.path); interrupted {
		r.kept = filepath.Join(dir, name)
		return nil
	}
	r.kept = r.path + ".before-" + time.Now().UTC().Format("20060102T150405Z")
	for n, first := 2, r.kept; exists(r.kept) || exists(r.kept+"-wal"); n++ {
		r.kept = first + "-" + strconv.Itoa(n)
	}
	draft := markerOf(r.path) + ".new"
	if err := os.WriteFile(draft, []byte(filepath.Base(r.kept)+"\n"), 0o600); err != nil {
		return err
	}
	if err := syncFile(draft); err != nil {
		return err
	}
	if err := os.Rename(draft, markerOf(r.path)); err != nil {
		return err
	}
	return syncDir(dir)
}

// found is where the old database is; empty if there was none.
func (r *restoration) found() string {
	if r.kept != "" && (exists(r.kept) || exists(r.kept+"-wal")) {
		return r.kept
	}
	return ""
}

// markerOf is the file that says that a restore has begun to change things, and
// in its one line the name that the old database gets.
func markerOf(path string) string { return path + ".restoring" }

func readMarker(path string) (kept string, interrupted bool) {
	content, err := os.ReadFile(markerOf(path))
	if err != nil {
		return "", false
	}
	return filepath.Base(string(bytes.TrimSpace(content))), true
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// aside moves a file that may not be there, over nothing.
func aside(from, to string) error {
	switch {
	case !exists(from):
		return nil
	case exists(to):
		return fmt.Errorf("%s is in the way of %s: move it away: %w", to, from, fs.ErrExist)
	}
	return os.Rename(from, to)
}

func copyFile(ctx context.Context, from, to string) (err error) {
	in, err := os.Open(from) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	defer in.Close()                                                      //nolint:errcheck // it was read only
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // a file of ours
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, heeding{ctx, in})
	return err
}

// heeding is a reader that ends with a context.
type heeding struct {
	ctx context.Context //nolint:containedctx // the reader lives as long as the call
	r   io.Reader
}

func (h heeding) Read(p []byte) (int, error) {
	if err := h.ctx.Err(); err != nil {
		return 0, err
	}
	return h.r.Read(p)
}
