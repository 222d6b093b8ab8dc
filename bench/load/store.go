package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/sqlite"
)

const (
	// rowsTogether is how many rows a grouped commit has.
	rowsTogether = 128

	// orderers is how many give orders at the same time.
	orderers = 64

	writePeriods = 5
)

// writer writes, and says how many rows it has written.
type writer func(ctx context.Context, i int) (rows int, err error)

// kind of writes, beside its floor.
type writes struct {
	name        string
	floor, ours writer
	rates       [2][]float64 // rows a second: of the floor, ours
}

func (l *load) writes(ctx context.Context) (_ string, err error) {
	dir, err := l.seeds.empty()
	if err != nil {
		return "", err
	}
	bare, err := openBare(ctx, dir+".bare.db")
	if err != nil {
		return "", err
	}
	defer closed(bare, &err)
	store, err := sqlite.Open(ctx, dir, sqlite.Options{})
	if err != nil {
		return "", err
	}
	defer closed(store, &err)
	t, err := l.writesOf(ctx, store, bare)
	return t + `
In one process, on one disk, SQLite in WAL mode with synchronous=FULL on both sides: every
transaction is on the disk when it is answered. The floor is a loop over prepared
statements that insert or replace rows of the same size in a table like ours, with as
many to a transaction. The median of ` + strconv.Itoa(writePeriods) + " periods of " + l.writePeriod().String() + `, in turns. Orders go through the
manager, which judges, groups, stores, applies and tells each.
`, err
}

// floor is an engine and nothing else.
type floor interface {
	one(ctx context.Context, i int) (int, error)
	many(rows int) writer
}

// writesOf measures a store beside its floor.
func (l *load) writesOf(ctx context.Context, store fleet.Store, bare floor) (string, error) {
	kinds := []*writes{
		{name: "one state, one transaction", floor: bare.one, ours: commit(store, 1)},
		{name: fmt.Sprintf("%d states, one transaction", rowsTogether), floor: bare.many(rowsTogether), ours: commit(store, rowsTogether)},
	}
	if err := l.compare(ctx, kinds); err != nil {
		return "", err
	}
	orders := &writes{name: fmt.Sprintf("orders by %d at once, each a state, an event and an audit entry", orderers), floor: bare.many(3 * orderers)}
	err := managed(ctx, store, aFew, func(m *fleet.Manager) error {
		err := concurrently(ctx, orderers, aFew, func(ctx context.Context, i int) error {
			_, _, err := m.Declare(ctx, serviceName(i), definition(i), fleet.Actor{Name: "load", Reason: "a load"})
			return err
		})
		if err != nil {
			return err
		}
		orders.ours = order(m)
		return l.compare(ctx, []*writes{orders})
	})
	t := table{{"what", "floor, rows a second", "ours, rows a second", "ours by floor"}}
	for _, k := range append(kinds, orders) {
		t.Add(k.name, thousands(median(k.rates[0])), thousands(median(k.rates[1])), fmt.Sprintf("**%.2f**", medianRatio(k.rates[1], k.rates[0])))
	}
	return t.String(), err
}

func (l *load) writePeriod() time.Duration { return l.period / 4 }

// compare measures each kind in turns with its floor.
func (l *load) compare(ctx context.Context, kinds []*writes) error {
	for range l.often(writePeriods) {
		for _, k := range kinds {
			for i, w := range []writer{k.floor, k.ours} {
				rate, err := l.rate(ctx, w)
				if err != nil {
					return fmt.Errorf("%s: %w", k.name, err)
				}
				k.rates[i] = append(k.rates[i], rate)
			}
		}
	}
	return nil
}

// rate is how many rows a second w writes.
func (l *load) rate(ctx context.Context, w writer) (float64, error) {
	began, rows := time.Now(), 0
	for i := 0; time.Since(began) < l.writePeriod(); i++ {
		n, err := w(ctx, i)
		if err != nil {
			return 0, err
		}
		rows += n
	}
	return float64(rows) / time.Since(began).Seconds(), nil
}

func medianRatio(a, b []float64) float64 {
	var each []float64
	for i := range min(len(a), len(b)) {
		each = append(each, a[i]/b[i])
	}
	return median(each)
}

// value is a state about as large as a service's.
var value = json.RawMessage(`{"running":true,"status":"healthy","text":"` + string(make900()) + `"}`)

func make900() []byte {
	b := make([]byte, 900)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return b
}

// commit writes that many rows in a transaction of the store's.
func commit(store fleet.Store, rows int) writer {
	return func(ctx context.Context, i int) (int, error) {
		batch := &fleet.Batch{}
		for n := range rows {
			batch.Services = append(batch.Services, fleet.ServiceRow{
				Service: serviceName((i*rows + n) % 10_000), Value: value, UpdatedAt: time.Now(), UpdatedBy: "load",
			})
		}
		return rows, store.Commit(ctx, batch)
	}
}

// order resets services, all who order at once.
func order(m *fleet.Manager) writer {
	return func(ctx context.Context, i int) (int, error) {
		const each, rows = 8, 3
		err := concurrently(ctx, orderers, each*orderers, func(ctx context.Context, n int) error {
			_, err := m.Reset(ctx, serviceName((i+n)%aFew), switchgear.Closed, fleet.Actor{Name: "load", Reason: "to be stored"})
			return err
		})
		return rows * each * orderers, err
	}
}

// bare is the engine and nothing else.
type bare struct {
	*sql.DB

	insert *sql.Stmt
}

func openBare(ctx context.Context, path string) (*bare, error) {
	db, err := sql.Open("sqlite", "file://"+filepath.ToSlash(path)+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, "CREATE TABLE bare (key TEXT NOT NULL PRIMARY KEY, value JSON NOT NULL, description TEXT, updated_at TEXT NOT NULL, updated_by TEXT)")
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	insert, err := db.PrepareContext(ctx, "INSERT OR REPLACE INTO bare VALUES ($1, $2, $3, $4, $5)")
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &bare{db, insert}, nil
}

func row(i int) []any {
	return []any{serviceName(i % 10_000), string(value), nil, time.Now().UTC().Format(time.RFC3339Nano), "load"}
}

func (b *bare) one(ctx context.Context, i int) (int, error) {
	_, err := b.insert.ExecContext(ctx, row(i)...)
	return 1, err
}

func (b *bare) many(rows int) writer {
	return func(ctx context.Context, i int) (int, error) {
		tx, err := b.BeginTx(ctx, nil)
		if err != nil {
			return 0, err
		}
		defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
		insert := tx.StmtContext(ctx, b.insert)
		defer insert.Close() //nolint:errcheck // the transaction's end does it
		for n := range rows {
			if _, err := insert.ExecContext(ctx, row(i*rows+n)...); err != nil {
				return 0, err
			}
		}
		return rows, tx.Commit()
	}
}
