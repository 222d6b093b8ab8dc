package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// Backup writes a copy of the database in the directory to a file that must not
// be there yet, readable by its owner alone. The database may be in use, by this
// process or another: the copy is of one moment, and nobody waits for it. It is
// one file without a journal; it was checked, and is on the disk when Backup
// returns. Before that there is nothing under its name: a process that is killed
// leaves at most FILE.part-….
//
// It reads the database twice, at a few seconds for each gigabyte. Its errors
// are for people; a database that is damaged, missing or half restored is
// ErrDamaged or fs.ErrNotExist, and a file that is there fs.ErrExist.
func Backup(ctx context.Context, dir, file string) (err error) {
	dir, err = filepath.Abs(dir)
	if err == nil {
		file, err = filepath.Abs(file)
	}
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	path := filepath.Join(dir, DatabaseName)
	if err := present(path); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(there(file), err)
	}
	draft, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".part-*")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("backup to %s: %w", file, err), discard(draft.Name()))
		}
	}()
	if err := draft.Close(); err != nil {
		return err
	}
	if err := vacuumInto(ctx, path, draft.Name()); err != nil {
		return err
	}
	if err := prove(ctx, draft.Name()); err != nil {
		return err
	}
	if err := syncFile(draft.Name()); err != nil {
		return err
	}
	return publish(draft.Name(), file)
}

func there(file string) error {
	return fmt.Errorf("%s is there already, and a backup writes over nothing: %w", file, fs.ErrExist)
}

// vacuumInto copies the database to an empty file, with only what is alive in
// it. A damaged one is refused: its copy would look whole.
func vacuumInto(ctx context.Context, path, draft string) (err error) {
	db, err := pool(path, 1, url.Values{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := check(ctx, db, path); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO $1", draft)
	return err
}

// prove checks a copy that nobody else has open.
func prove(ctx context.Context, draft string) (err error) {
	db, err := pool(draft, 1, url.Values{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	finding, err := examine(ctx, db, "quick_check")
	if err == nil && finding != "" {
		err = fmt.Errorf("the copy is not whole: %s", finding)
	}
	return err
}

// publish gives the draft its name, if nobody else has taken that meanwhile.
func publish(draft, file string) error {
	switch err := os.Link(draft, file); {
	case errors.Is(err, fs.ErrExist):
		return there(file)
	case err != nil: // a file system without links
		if err := os.Rename(draft, file); err != nil {
			return err
		}
	default:
		if err := os.Remove(draft); err != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(file))
}

// syncFile makes a file's content durable.
func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // a file of ours
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
