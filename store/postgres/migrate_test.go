package postgres_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"

	"github.com/degenduel/switchgear/store/postgres"
)

// ours are our migrations.
func ours(t *testing.T) fstest.MapFS {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("migrations", "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	all := make(fstest.MapFS)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = &fstest.MapFile{Data: content}
	}
	return all
}

// die ends the session in the middle of a statement, as the end of the process or
// of the server does.
const die = "SELECT pg_terminate_backend(pg_backend_pid());\n"

const schema = `SELECT COALESCE(string_agg(table_name || '.' || column_name, ',' ORDER BY table_name, ordinal_position), '')
	FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'switchgear_schema'`

func TestOpen_LeavesTheOldTablesOrTheNewWhereverItIsKilled(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	other := foreign(t, url)
	const first = "00001_initial.sql"
	statements := strings.SplitAfter(string(ours(t)[first].Data), ";\n")
	for after := 1; after < len(statements); after++ {
		deadly := ours(t)
		deadly[first].Data = []byte(strings.Join(statements[:after], "") + die + strings.Join(statements[after:], ""))
		if _, err := postgres.OpenWith(t.Context(), url, hasty, deadly); err == nil {
			t.Fatal("it lived")
		}
		if got := line(t, other, schema); got != "" {
			t.Fatalf("killed behind statement %d there is %s", after, got)
		}
	}
	s, err := postgres.Open(t.Context(), url, hasty)
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, 1)
	shut(t, s)
	before := line(t, other, schema)
	later := ours(t)
	later["00099_later.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE later (n INTEGER);\nDELETE FROM service_events;\n" + die)}
	if _, err := postgres.OpenWith(t.Context(), url, hasty, later); err == nil {
		t.Fatal("it lived")
	}
	if got := line(t, other, schema); got != before {
		t.Errorf("the tables are %s, want %s", got, before)
	}
	if got, err := open(t, url).Load(t.Context()); err != nil || got.Seq != 1 {
		t.Errorf("Load = %+v, %v", got, err)
	}
}

func TestOpen_RefusesNewerTables(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	later := ours(t)
	later["00099_later.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE later (n INTEGER);\n")}
	s, err := postgres.OpenWith(t.Context(), url, hasty, later)
	if err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	if _, err := postgres.Open(t.Context(), url, hasty); !errors.Is(err, postgres.ErrNewer) {
		t.Errorf("Open = %v", err)
	}
}

func TestOpen_OfManyAtOnceOneMigratesAndOneHasTheDatabaseForItself(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	opened := make(chan *postgres.Store, 8)
	var all sync.WaitGroup
	for range cap(opened) {
		all.Go(func() {
			s, err := postgres.Open(t.Context(), url, alone)
			switch {
			case err == nil:
				opened <- s
			case !errors.Is(err, postgres.ErrInUse):
				t.Errorf("Open = %v", err)
			}
		})
	}
	all.Wait()
	close(opened)
	if len(opened) != 1 {
		t.Fatalf("%d have the database", len(opened))
	}
	s := <-opened
	write(t, s, 1)
	shut(t, s)
}

func TestOpen_RefusesADatabaseThatCannotHoldAllText(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	other := foreign(t, url)
	name := line(t, other, "SELECT current_database()") + "_latin"
	run(t, other, "CREATE DATABASE "+name+" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	defer run(t, other, "DROP DATABASE "+name)
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	_, err = postgres.Open(t.Context(), strings.Replace(url, cfg.Database, name, 1), hasty)
	if err == nil || !strings.Contains(err.Error(), "LATIN1") {
		t.Errorf("Open = %v", err)
	}
}
