package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/degenduel/switchgear/store/postgres"
	"github.com/degenduel/switchgear/store/sqlite"
)

type copyCmd struct {
	output

	From  string `placeholder:"PLACE" help:"What is copied: a data directory, or the URL of a PostgreSQL database (SWITCHGEAR_DATA; default ./data)."`
	To    string `placeholder:"PLACE" help:"What is filled: the one or the other (SWITCHGEAR_DATABASE_URL, where others on the machine do not see a password in it)."`
	Force bool   `help:"Empty what is filled first. What it had is lost."`
}

// Help is what the flags do not say.
func (*copyCmd) Help() string {
	return `    switchgear copy --from ./data --to postgres://switchgear@db.example.com/switchgear?sslmode=verify-full

It is run while no manager has either database, and refused else. All that a manager remembers is
copied, with the same IDs: services, history, configs, the audit log, tokens, sessions, series,
alerts, silences, and messages that wait. Then both are compared, row by row. What is copied stays
as it is, but for its tables, which are brought to this version's form.

What is filled must be empty. If the command is interrupted, no manager starts on it until it was
filled again, with --force.`
}

// Validate wants what can be a place.
func (c *copyCmd) Validate() error {
	if c.From != "" && c.From == c.To {
		return errors.New("--from and --to are the same")
	}
	return nil
}

// stored is a database to copy from, or to.
type stored interface {
	// CopyTo is the one of both stores.
	CopyTo(ctx context.Context, to postgres.Copyable, empty bool, tell func(table string, rows int64, sum string)) error
	postgres.Copyable
	Close() error
}

// copiedTable is what was copied of a table.
type copiedTable struct {
	Table  string `json:"table"`
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"`
}

// Run copies the database.
func (c *copyCmd) Run(ctx context.Context, p *process) (err error) {
	from, to, err := c.places(p)
	if err != nil {
		return err
	}
	source, err := openStored(ctx, from, false)
	if err != nil {
		return stopFirst(err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := openStored(ctx, to, true)
	if err != nil {
		return stopFirst(err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	tables := []copiedTable{}
	err = source.CopyTo(ctx, target, c.Force, func(table string, rows int64, sum string) {
		tables = append(tables, copiedTable{table, rows, sum})
	})
	switch {
	case errors.Is(err, postgres.ErrNotEmpty):
		return fmt.Errorf("%w; --force empties it first", err)
	case err != nil:
		return fmt.Errorf("the copy is not whole: %w", err)
	case c.Output == "json":
		return p.printJSON(tables)
	}
	all := int64(0)
	for _, t := range tables {
		if _, err := fmt.Fprintf(p.stdout, "%-20s %9d rows  sha256 %s\n", t.Table, t.Rows, t.SHA256); err != nil {
			return err
		}
		all += t.Rows
	}
	_, err = fmt.Fprintf(p.stdout, "%d rows are in both, and the same\n", all)
	return err
}

// places are from where to where.
func (c *copyCmd) places(p *process) (from, to string, err error) {
	settings, err := dataFlag{}.settings(p)
	if err != nil {
		return "", "", err
	}
	from, to = cmp.Or(c.From, settings.Data), cmp.Or(c.To, settings.DatabaseURL)
	switch {
	case to == "":
		return "", "", usageError{errors.New("--to is missing: a data directory, or the URL of a PostgreSQL database")}
	case postgres.IsURL(from):
		return from, to, nil
	}
	if _, err := os.Stat(filepath.Join(from, sqlite.DatabaseName)); errors.Is(err, fs.ErrNotExist) {
		return "", "", fmt.Errorf("there is no database in %s", from) // and none is made
	}
	return from, to, nil
}

func openStored(ctx context.Context, place string, filling bool) (stored, error) {
	if postgres.IsURL(place) {
		s, err := postgres.Open(ctx, place, postgres.Options{Exclusive: true, Filling: filling})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := sqlite.Open(ctx, place, sqlite.Options{Filling: filling})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func stopFirst(err error) error {
	if errors.Is(err, sqlite.ErrInUse) || errors.Is(err, postgres.ErrInUse) {
		return fmt.Errorf("%w: stop the manager first", err)
	}
	return err
}
