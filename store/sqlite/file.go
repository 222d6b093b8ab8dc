package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"

	"github.com/degenduel/switchgear/store/internal/sqlstore"
)

// applicationID marks our files: "SWGR".
const applicationID = 0x53574752

// DatabaseName is the file in a data directory.
const DatabaseName = "switchgear.db"

// makeDir makes the directory if it is not there, so that it survives the end
// of the machine. The rights of one that is there are its owner's to choose.
func makeDir(dir string) error {
	switch info, err := os.Stat(dir); {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return fmt.Errorf("%s is not a directory", dir)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// provide sees to it that there is a database file, as far as can be seen
// without opening it. A database comes into being whole, under its name by one
// renaming, so that an empty file is always one that lost its content. Nobody
// may have the file open in this process: closing it here would take SQLite's
// locks away.
func provide(ctx context.Context, path string, migrations fs.FS) error {
	if err := present(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := create(ctx, path, migrations); err != nil {
		return fmt.Errorf("make the database %s: %w", path, err)
	}
	return nil
}

// present looks whether there is a database file that can be opened; an error
// that is fs.ErrNotExist if there is none, nor a trace of one.
func present(path string) error {
	if kept, interrupted := readMarker(path); interrupted {
		return fmt.Errorf(`%w: %s: a restore was interrupted; do it again with "switchgear restore FILE". What was there before is in %s, or still here`,
			ErrDamaged, path, filepath.Join(filepath.Dir(path), kept))
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", path)
	case err == nil && info.Size() == 0:
		return damaged(path, "it is empty")
	case err == nil || !errors.Is(err, fs.ErrNotExist):
		return err
	}
	// A journal left alone would be played into whatever takes its file's name.
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		return damaged(path, "it is missing, although its journal "+path+"-wal is there")
	}
	if last := acknowledged(path); last != (ids{}) {
		return damaged(path, fmt.Sprintf("it is missing, although it has acknowledged event %d and audit entry %d (to begin anew without it, remove %s)",
			last.event, last.audit, markOf(path)))
	}
	return fmt.Errorf("there is no database %s: %w", path, fs.ErrNotExist)
}

// discard removes a draft of a database with all that SQLite puts beside it.
func discard(draft string) error {
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		if err := os.Remove(draft + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func create(ctx context.Context, path string, migrations fs.FS) error {
	draft := path + ".new"
	if err := errors.Join(discard(draft), removeMark(path)); err != nil {
		return err
	}
	// SQLite gives its journals the rights of the file.
	file, err := os.OpenFile(draft, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the directory
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := fill(ctx, draft, migrations); err != nil {
		return err
	}
	if err := os.Rename(draft, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// fill makes an empty file a database of ours, all of it in the one file.
func fill(ctx context.Context, path string, migrations fs.FS) (err error) {
	db, err := pool(path, 1, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"journal_mode(DELETE)", "synchronous(FULL)", fmt.Sprintf("application_id(%d)", applicationID)},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return sqlstore.Migrate(ctx, db, goose.DialectSQLite3, migrations)
}

// check refuses a file that is not a whole database of ours. SQLite itself
// would go on writing to a damaged one.
func check(ctx context.Context, db *sql.DB, path string) error {
	switch finding, err := examine(ctx, db, "quick_check"); {
	case err != nil:
		return fmt.Errorf("open %s: %w", path, err)
	case finding != "":
		return damaged(path, finding)
	}
	return nil
}

// examine runs one of SQLite's checks and tells what is wrong with the file, in
// words; an error is of what kept it from looking.
func examine(ctx context.Context, db *sql.DB, pragma string) (finding string, err error) {
	var said string
	var id int
	err = db.QueryRowContext(ctx, "PRAGMA "+pragma+"(1)").Scan(&said)
	if err == nil && said != "ok" {
		return said, nil
	}
	if err == nil {
		err = db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id)
	}
	switch fault := faultOf(err); {
	case fault.Lasting:
		return fmt.Sprintf("%s (%v)", fault.Reason, err), nil
	case err != nil:
		return "", err
	case id != applicationID:
		return "it is another program's, or its first page is damaged", nil
	}
	return "", nil
}

func damaged(path, finding string) error {
	return fmt.Errorf(`%w: %s: %s; put a backup in its place with "switchgear restore FILE", where FILE was made by "switchgear backup FILE"; what is there now is moved aside`,
		ErrDamaged, path, finding)
}
