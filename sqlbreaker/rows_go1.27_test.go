//go:build go1.27 && unix

package sqlbreaker_test

import (
	"database/sql"
	"database/sql/driver"
	"slices"
	"testing"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/internal/testpg"
	"github.com/degenduel/switchgear/sqlbreaker"
)

func TestPostgres_ScansArraysAsWithoutUs(t *testing.T) {
	t.Parallel()
	server, ok := testpg.Start(t)
	if !ok {
		return
	}
	b := newBreaker(t, switchgear.Config{})
	db, err := sqlbreaker.Open("pgx", server.Database(t), b, sqlbreaker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, db)
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	since := counted(b)
	since()
	var tags []string
	if err := db.QueryRowContext(t.Context(), "SELECT ARRAY['a','b']").Scan(&tags); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(tags, []string{"a", "b"}) {
		t.Errorf("scanned %q", tags)
	}
	want(t, "the query", since(), switchgear.Operations{Successful: 1})
}

// scanningRows copy their columns themselves.
type scanningRows struct{ *fakeRows }

func (r scanningRows) NextRow() error { r.f.note("next row"); return r.Next(make([]driver.Value, 1)) }

func (r scanningRows) ScanColumn(c driver.ScanContext, _ int, dest any) error {
	r.f.note("scan column")
	return sql.ConvertAssign(c, dest, int64(r.left))
}

func TestRows_ThatScanTheirColumnsEndTheQueryAsOthersDo(t *testing.T) {
	t.Parallel()
	scanning := func() *fake {
		f := modern(nil)
		f.sets = func(r *fakeRows) driver.Rows { return scanningRows{r} }
		return f
	}
	plain, wrapped := scanning(), scanning()
	told := everything(t.Context(), closing(t, sql.OpenDB(plain)))
	b := newBreaker(t, switchgear.Config{})
	db := open(t, wrapped, b, sqlbreaker.Options{})
	if got := everything(t.Context(), db); !slices.Equal(got, told) {
		t.Errorf("what came of it: %q, want %q", got, told)
	}
	if !slices.Equal(wrapped.trace, plain.trace) {
		t.Errorf("the driver was asked %q, want %q", wrapped.trace, plain.trace)
	}
	since := counted(b)
	since()
	rows, err := db.QueryContext(t.Context(), "q")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		want(t, "while there are rows", since(), switchgear.Operations{})
	}
	want(t, "the query", since(), switchgear.Operations{Successful: 1})
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
}
