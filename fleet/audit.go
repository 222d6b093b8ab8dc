package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Audit is who did what to what, newest first.
func (m *Manager) Audit(ctx context.Context, q AuditQuery) ([]AuditEntry, error) {
	return m.store.Audit(ctx, q)
}

const (
	// refusalsPerMinute is how many refusals are listed, so that nobody fills
	// the disk by being refused.
	refusalsPerMinute = 300

	// maxRefusals is how many wait for a store that is away.
	maxRefusals = 1000

	// maxAuditText is how long a text of a refusal is, in bytes: it may come
	// from anybody.
	maxAuditText = 512
)

// refusals are what was refused and is not in the audit log yet.
type refusals struct {
	mu       sync.Mutex
	queue    []AuditEntry
	minute   time.Time // when the present minute began
	listed   int       // in that minute
	unlisted uint64    // that no row tells of
	dropped  uint64    // not listed, all in all
}

// Refused adds to the audit log that something was refused: a log-in, an order
// of somebody who may not, an order that could not be. It never waits: the entry
// is written within a second or so, once the store takes it. Of more than 300 a
// minute the rest is only counted, and one entry tells how many there were.
// A missing At is now, a missing Result is "refused".
func (m *Manager) Refused(e AuditEntry) {
	if e.At.IsZero() {
		e.At = time.Now()
	}
	if e.Result == "" {
		e.Result = "refused"
	}
	for _, text := range []*string{&e.Actor, &e.Address, &e.Action, &e.Service, &e.Reason, &e.Result} {
		*text = auditText(*text)
	}
	m.refusals.add(e)
}

// auditText is what of a text from anywhere every store takes.
func auditText(s string) string {
	if len(s) > maxAuditText {
		s = s[:maxAuditText]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "?")
}

func (r *refusals) add(e AuditEntry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.minute) >= time.Minute {
		r.minute, r.listed = now, 0
	}
	if r.listed >= refusalsPerMinute || len(r.queue) >= maxRefusals {
		r.unlisted++
		r.dropped++
		return
	}
	r.listed++
	r.queue = append(r.queue, e)
}

// take is what is to be written now: all that waits, and, when the minute is
// over or the manager's time is, how many were not listed.
func (r *refusals) take(last bool) []AuditEntry {
	r.mu.Lock()
	defer r.mu.Unlock()
	entries := r.queue
	r.queue = nil
	if r.unlisted > 0 && (last || time.Since(r.minute) >= time.Minute) {
		entries = append(entries, AuditEntry{
			At: time.Now(), Actor: "switchgear", Action: "refusals",
			Result: fmt.Sprintf("%d more refusals were not listed", r.unlisted),
		})
		r.unlisted = 0
	}
	return entries
}

// putBack lets entries that were not written wait again.
func (r *refusals) putBack(entries []AuditEntry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if over := len(entries) + len(r.queue) - maxRefusals; over > 0 {
		over = min(over, len(entries))
		r.unlisted += uint64(over)
		r.dropped += uint64(over)
		entries = entries[over:]
	}
	r.queue = append(entries, r.queue...)
}

func (r *refusals) lost() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped
}

// writeRefusals stores what was refused.
func (m *Manager) writeRefusals(ctx context.Context, last bool) {
	if time.Now().Before(m.storeRetry) {
		return
	}
	entries := m.refusals.take(last)
	if len(entries) == 0 {
		return
	}
	d := &draft{Batch: Batch{Audit: entries}}
	err := m.commit(ctx, d)
	switch {
	case err == nil:
	case m.inDoubt(d):
		m.unsure.refusals = entries
	case KindOf(err) == Unavailable:
		m.refusals.putBack(entries)
	default: // it will never be taken
		m.log.ErrorContext(ctx, "the store takes no entries of what was refused: they are lost",
			slog.Int("entries", len(entries)), slog.Any("error", err))
		m.refusals.lose(len(entries))
	}
}

func (r *refusals) lose(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unlisted += uint64(n) //nolint:gosec // a length
	r.dropped += uint64(n)  //nolint:gosec // a length
}
