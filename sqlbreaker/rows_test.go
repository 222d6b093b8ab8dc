package sqlbreaker_test

import (
	"context"
	"database/sql/driver"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/sqlbreaker"
)

func TestRows_EndTheQuery(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rows fakeRows
		read int // how many rows; -1: to the end
		want switchgear.Operations
	}{
		"read to the end":          {fakeRows{left: 3}, -1, switchgear.Operations{Successful: 1}},
		"closed early":             {fakeRows{left: 3}, 1, switchgear.Operations{Successful: 1}},
		"broken while being read":  {fakeRows{left: 3, err: errBoom}, -1, switchgear.Operations{Failed: 1}},
		"wrong while being read":   {fakeRows{left: 3, err: stateError("22012")}, -1, switchgear.Operations{Successful: 1}},
		"broken when being closed": {fakeRows{left: 3, closes: errBoom}, 1, switchgear.Operations{Failed: 1}},
	}
	for name, tt := range tests {
		for set, sets := range map[string]func(*fakeRows) driver.Rows{"one set": nil, "sets": func(r *fakeRows) driver.Rows { return richRows{r} }} {
			t.Run(name+" of "+set, func(t *testing.T) {
				t.Parallel()
				b := newBreaker(t, switchgear.Config{})
				f := modern(nil)
				f.rows = func(context.Context) *fakeRows { r := tt.rows; return &r }
				f.sets = sets
				db := open(t, f, b, sqlbreaker.Options{})
				if err := db.PingContext(t.Context()); err != nil {
					t.Fatal(err)
				}
				since := counted(b)
				since()
				rows, err := db.QueryContext(t.Context(), "q") //nolint:rowserrcheck // what the driver's error becomes is another's to test
				if err != nil {
					t.Fatal(err)
				}
				for i := 0; i != tt.read && rows.Next(); i++ {
					want(t, "while there are rows", since(), switchgear.Operations{})
				}
				if tt.read < 0 && rows.NextResultSet() {
					for rows.Next() {
						want(t, "in the second set", since(), switchgear.Operations{})
					}
				}
				_ = rows.Close() //nolint:sqlclosecheck // what closing counts is the next line's to see
				_ = rows.Close()
				want(t, "the query", since(), tt.want)
			})
		}
	}
}

func TestRows_ThatTheContextEndedAreJudgedByIt(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{})
	f := modern(nil)
	f.rows = func(context.Context) *fakeRows { return &fakeRows{left: 1 << 40} }
	db := open(t, f, b, sqlbreaker.Options{})
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	since := counted(b)
	since()
	for _, end := range []struct {
		ctx  func() (context.Context, context.CancelFunc)
		want switchgear.Operations
	}{
		{func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), time.Millisecond)
		}, switchgear.Operations{Failed: 1}},
		{func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Millisecond, cancel)
			return ctx, cancel
		}, switchgear.Operations{Ignored: 1}},
	} {
		ctx, cancel := end.ctx()
		rows, err := db.QueryContext(ctx, "q")
		if err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
		for rows.Next() { // until database/sql has closed them by itself
			continue
		}
		if rows.Err() == nil {
			t.Error("the context did not end the rows")
		}
		_ = rows.Close() //nolint:sqlclosecheck // as above
		want(t, "rows that a context ended", since(), end.want)
		cancel()
	}
}
