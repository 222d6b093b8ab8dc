package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/store/sqlite"
)

// dataFlag names the data directory, as serve finds it.
type dataFlag struct {
	Data   string `placeholder:"DIR" help:"Where the database is (SWITCHGEAR_DATA; the config file's; default ./data)."`
	Config string `placeholder:"FILE" help:"The config file (SWITCHGEAR_CONFIG; default ./switchgear.yaml, if it is there)."`
}

// errPostgres is of a database that these commands do not know how to copy.
var errPostgres = errors.New("serve keeps its database in PostgreSQL here: copy it with pg_dump and put it back with pg_restore, " +
	"as docs/operations.md has it; --data DIR is for one in a directory all the same")

// dir is the directory that serve would have with the same flags.
func (d dataFlag) dir(p *process) (string, error) {
	if d.Data != "" {
		return d.Data, nil
	}
	s, err := d.settings(p)
	if err == nil && s.DatabaseURL != "" {
		err = errPostgres
	}
	return s.Data, err
}

// settings are those of the environment, the config file and the defaults.
func (d dataFlag) settings(p *process) (config.Settings, error) {
	env, err := p.environment("SWITCHGEAR_DATA", "SWITCHGEAR_CONFIG", "SWITCHGEAR_DATABASE_URL", "SWITCHGEAR_DATABASE_URL_FILE")
	if err != nil {
		return config.Settings{}, err
	}
	said := env.Settings
	if path := configPath(cmp.Or(d.Config, env.Config)); path != "" && (said.Data == "" || said.DatabaseURL == "") {
		file, err := config.Load(path)
		if err != nil {
			return config.Settings{}, err
		}
		said = said.Or(file.Settings)
	}
	return said.Or(config.DefaultSettings()), nil
}

type backupCmd struct {
	dataFlag
	output

	File string `arg:"" name:"file" help:"The copy: a file that is not there yet."`
}

// Help is what the flags do not say.
func (*backupCmd) Help() string {
	return `It is run where the database is, beside a manager that runs or without one: nobody waits for it.
The copy is one file, of one moment, checked, and on the disk when the command ends. Tokens are in
it as hashes.`
}

// copied is what backup has done.
type copied struct {
	Data string `json:"data"`
	File string `json:"file"`
	Kept string `json:"kept,omitempty"`
}

// Run copies the database.
func (c *backupCmd) Run(ctx context.Context, p *process) error {
	dir, err := c.dir(p)
	if err != nil {
		return err
	}
	if err := sqlite.Backup(ctx, dir, c.File); err != nil {
		return err
	}
	if c.Output == "json" {
		return p.printJSON(copied{Data: dir, File: c.File})
	}
	_, err = fmt.Fprintf(p.stdout, "the database of %s is in %s\n", plain(dir), plain(c.File))
	return err
}

type restoreCmd struct {
	dataFlag
	output

	File string `arg:"" name:"file" help:"A copy that backup made."`
}

// Help is what the flags do not say.
func (*restoreCmd) Help() string {
	return `It is run while no manager has the data directory. The copy is checked before anything is changed,
and stays as it is; the database that was there is moved aside, never removed.

With the database everything goes back to when the copy was made: also tokens that were revoked
since are valid again.`
}

// Run puts a copy in the place of the database.
func (c *restoreCmd) Run(ctx context.Context, p *process) error {
	dir, err := c.dir(p)
	if err != nil {
		return err
	}
	kept, err := sqlite.Restore(ctx, dir, c.File)
	switch {
	case errors.Is(err, sqlite.ErrInUse):
		return fmt.Errorf("%w: stop the manager first", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no such copy: %w", err)
	case err != nil:
		return err
	case c.Output == "json":
		return p.printJSON(copied{Data: dir, File: c.File, Kept: kept})
	}
	text := fmt.Sprintf("the database of %s is that of %s", plain(dir), plain(c.File))
	if kept != "" {
		text += "; the one that was there is now " + plain(kept)
	}
	_, err = fmt.Fprintln(p.stdout, text)
	return err
}
