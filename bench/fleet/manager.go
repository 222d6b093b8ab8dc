package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/degenduel/switchgear/bench/internal/procs"
)

// manager is what the agents join: one of our own, or somebody else's.
type manager struct {
	url, token string
	process    *procs.Process // nil: nobody knows where it runs
	server     *procs.Server  // nil: it is not ours
	spec       procs.ServerSpec
	database   *pgx.Conn // nil: it has none
}

// openManager starts one in a folder of its own, unless there is one.
func openManager(ctx context.Context, o *options, dir, program string) (_ *manager, err error) {
	m := &manager{url: strings.TrimSuffix(o.URL, "/"), token: o.Token}
	if o.URL != "" {
		if o.PID > 0 {
			m.process = procs.Of(o.PID)
		}
		return m, nil
	}
	if dir, err = os.MkdirTemp(dir, "run-*"); err != nil {
		return nil, err
	}
	limits := filepath.Join(dir, "limits.yaml")
	if err := os.WriteFile(limits, fmt.Appendf(nil, "server: { maxServices: %d, limits: { agents: %d, servicesPerAgent: %d } }\nservices: {}\n",
		o.services()+1, o.Agents+1, max(o.Breakers, 1)), 0o600); err != nil {
		return nil, err
	}
	m.spec = procs.ServerSpec{Program: []string{program}, Data: filepath.Join(dir, "data"), Config: limits, Database: o.Database}
	if m.server, err = procs.StartServer(ctx, m.spec); err != nil {
		return nil, err
	}
	m.process, m.url, m.token = m.server.Process, m.server.URL, m.server.Token
	m.spec.Listen, m.spec.Token = m.server.Address(), m.token
	if o.Database != "" {
		if m.database, err = pgx.Connect(ctx, o.Database); err != nil {
			m.close(ctx)
			return nil, err
		}
	}
	return m, nil
}

// killed ends the server as a crash would, and starts it again at the same place.
func (m *manager) killed(ctx context.Context) (down time.Duration, err error) {
	began := time.Now()
	m.server.Kill9()
	if m.server, err = procs.StartServer(ctx, m.spec); err != nil {
		return 0, err
	}
	m.process = m.server.Process
	return time.Since(began), nil
}

func (m *manager) close(ctx context.Context) {
	if m.database != nil {
		_ = m.database.Close(ctx) // nothing was written over it
	}
	if m.server != nil {
		m.server.Kill()
	}
}

// use is what a manager has used and written since its start.
type use struct {
	at      time.Time
	cpu     time.Duration
	rss     int64
	most    int64
	written int64   // bytes, to disks
	commits float64 // of its own count
	rows    int64   // of PostgreSQL's count
}

// use reads it; what cannot be known is 0.
func (m *manager) use(ctx context.Context) (u use, err error) {
	if u.commits, err = m.metric(ctx, "switchgear_store_commit_duration_seconds_count"); err != nil {
		return u, err
	}
	if m.database != nil {
		if err := m.database.QueryRow(ctx, "SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database WHERE datname = current_database()").Scan(&u.rows); err != nil {
			return u, err
		}
	}
	if m.process != nil {
		if u.cpu, err = m.process.CPU(); err != nil {
			return u, err
		}
		if u.rss, u.most, err = m.process.Memory(); err != nil {
			return u, err
		}
		if u.written, err = m.process.Written(); err != nil {
			u.written = 0 // of another user's process nobody is told
		}
	}
	u.at = time.Now()
	return u, nil
}

// metric is one of the manager's metrics without labels, 0 where it is not there.
func (m *manager) metric(ctx context.Context, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+m.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("/metrics: %s", resp.Status)
	}
	_, rest, found := bytes.Cut(text, []byte("\n"+name+" "))
	if !found { // it has counted nothing yet
		return 0, nil
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return strconv.ParseFloat(string(line), 64)
}
