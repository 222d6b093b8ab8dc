package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/degenduel/switchgear"
)

// Unknown is the actor of what somebody asked for whom nobody knows.
const Unknown = "unknown"

// actors are those that no token stands for.
var actors = []string{"file", "code", "switchgear", "environment", Unknown}

// ReservedActor reports whether a name means another actor than the holder of a
// token: file, code, switchgear, environment and unknown, in any case and with
// any blanks around it. No token has such a name.
func ReservedActor(name string) bool {
	return slices.Contains(actors, strings.ToLower(strings.TrimSpace(name)))
}

// Audit is who did what to what, newest first.
func (m *Manager) Audit(ctx context.Context, q AuditQuery) ([]AuditEntry, error) {
	return m.store.Audit(ctx, q)
}

// Entry is a line of the audit log about what the actor did, or was refused.
// Behind the result is the ID of the actor's token, if there is one.
func (a Actor) Entry(action, service, result string) AuditEntry {
	if a.TokenID != "" {
		sign := " (token " + a.TokenID + ")"
		result = auditText(result, maxAuditText-len(sign)) + sign
	}
	return AuditEntry{
		At: time.Now(), Actor: a.Name, Address: a.Address, Action: action, Service: service, Reason: a.Reason, Result: result,
	}
}

// details are what else is known of what somebody did, by names that are those of
// the wire: texts, whole numbers and moments, or nil.
type details map[string]any

func (d details) json() json.RawMessage {
	if d == nil {
		return nil
	}
	return object(d)
}

// AuditDetails is what the audit log has of a token that is made, or ended.
func (t *Token) AuditDetails() json.RawMessage { return ofToken(t).json() }

func ofToken(t *Token) details {
	d := details{"id": t.ID, "name": t.Name, "role": t.Role, "services": nil, "expires_at": at(t.ExpiresAt)}
	if len(t.Services) > 0 {
		d["services"] = strings.Join(t.Services, ", ")
	}
	return d
}

// class is whose entry it is that comes without a change of its own: each has
// its own share of the log, so that nobody fills the disk by being refused, and
// those whom nobody knows push out nothing.
type class uint8

const (
	known   class = iota // what was refused to somebody
	unknown              // what was refused to Unknown
	checked              // health checks that somebody ordered
	classes
)

// shares are how many entries of a class are listed in a minute, and how many
// of one actor, or of one address where the actor is unknown.
var shares = [classes]struct {
	all, each    int
	action, rest string // of the entry that tells of the others
}{
	known:   {300, 100, "refusals", "%d more refusals of known actors were not listed"},
	unknown: {300, 10, "refusals", "%d more refusals of unknown actors were not listed"},
	checked: {1000, 1000, "health checks", "%d more health checks were not listed"},
}

const (
	// maxRefusals is how many of a class wait for a store that is away.
	maxRefusals = 1000

	// maxAuditText is how long a text of a refusal is, in bytes: it may come
	// from anybody.
	maxAuditText = 512
)

// noted is an entry that is not in the audit log yet.
type noted struct {
	AuditEntry

	class class
}

// refusals are what is noted and is not in the audit log yet.
type refusals struct {
	mu   sync.Mutex
	of   [classes]ledger
	runs map[string]time.Time // of health checks, that were noted in the present minute, by service
}

// ledger is one class of them.
type ledger struct {
	queue    []noted
	minute   time.Time // when the present minute began
	listed   int       // in that minute
	by       map[string]int
	unlisted uint64 // that no row tells of
	dropped  uint64 // not listed, all in all
}

// Refused adds to the audit log that something was refused: a log-in, an order
// of somebody who may not, an order that could not be. It never waits: the entry
// is written within a second or so, once the store takes it. Of more than 300 a
// minute, or 100 of one actor, the rest is only counted, and one entry tells how
// many there were. Where the actor is Unknown it is 300 of their own, and 10 of
// one address, or of one /64 of IPv6. A missing At is now, a missing Actor
// Unknown, and a missing Result "refused".
func (m *Manager) Refused(e AuditEntry) {
	if e.At.IsZero() {
		e.At = time.Now()
	}
	if e.Result == "" {
		e.Result = "refused"
	}
	if e.Actor == "" {
		e.Actor = Unknown
	}
	n := noted{e, known}
	if e.Actor == Unknown {
		n.class = unknown
	}
	m.refusals.add(n)
}

// CheckHealthBy is CheckHealth for somebody who ordered it. The audit log has
// it, with the result "ok" or "unhealthy": each run once, by who asked first, and
// 1 000 a minute.
func (m *Manager) CheckHealthBy(ctx context.Context, name string, by Actor) (switchgear.Health, View, error) {
	h, v, err := m.CheckHealth(ctx, name)
	if err != nil {
		return h, v, err
	}
	result := "ok"
	if !h.Healthy {
		result = "unhealthy"
	}
	m.refusals.addRun(noted{by.Entry("health check", name, result), checked}, h.CheckedAt)
	return h, v, nil
}

// auditText is what of a text from anywhere every store takes, up to a length.
func auditText(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "?")
}

// add notes an entry, unless its share is used up.
func (r *refusals) add(n noted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of[n.class].add(n)
}

// addRun notes a health check, unless it was noted already.
func (r *refusals) addRun(n noted, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := &r.of[n.class]
	if r.runs == nil || l.over() {
		r.runs = make(map[string]time.Time)
	}
	if !r.runs[n.Service].Equal(at) {
		r.runs[n.Service] = at
		l.add(n)
	}
}

// over reports whether the minute is.
func (l *ledger) over() bool { return time.Since(l.minute) >= time.Minute }

func (l *ledger) add(n noted) {
	if l.over() {
		l.minute, l.listed, l.by = time.Now(), 0, make(map[string]int)
	}
	share, whose := &shares[n.class], n.Actor
	if n.class == unknown {
		whose = network(n.Address)
	}
	if l.listed >= share.all || l.by[whose] >= share.each || len(l.queue) >= maxRefusals {
		l.lose(1)
		return
	}
	for _, text := range []*string{&n.Actor, &n.Address, &n.Action, &n.Service, &n.Reason, &n.Result} {
		*text = auditText(*text, maxAuditText)
	}
	l.listed++
	l.by[whose]++
	l.queue = append(l.queue, n)
}

func (l *ledger) lose(n int) {
	l.unlisted += uint64(n) //nolint:gosec // a length
	l.dropped += uint64(n)  //nolint:gosec // a length
}

// network is the address, or of IPv6 its /64: whoever has one address of it
// has them all.
func network(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Is4() {
		return auditText(address, maxAuditText)
	}
	prefix, _ := addr.WithZone("").Prefix(64) // it has as many bits
	return prefix.String()
}

// take is what is to be written now: all that waits, and, when the minute is
// over or the manager's time is, how many were not listed.
func (r *refusals) take(last bool) []noted {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []noted
	for i := range r.of {
		l, c := &r.of[i], class(i)
		all = append(all, l.queue...)
		l.queue = nil
		if l.unlisted > 0 && (last || l.over()) {
			all = append(all, noted{AuditEntry{
				At: time.Now(), Actor: "switchgear", Action: shares[c].action, Result: fmt.Sprintf(shares[c].rest, l.unlisted),
			}, c})
			l.unlisted = 0
		}
	}
	slices.SortStableFunc(all, func(a, b noted) int { return a.At.Compare(b.At) })
	return all
}

// putBack lets entries that were not written wait again.
func (r *refusals) putBack(entries []noted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.of {
		l := &r.of[i]
		var back []noted
		for _, n := range entries {
			if n.class == class(i) {
				back = append(back, n)
			}
		}
		if over := min(len(back)+len(l.queue)-maxRefusals, len(back)); over > 0 {
			l.lose(over)
			back = back[over:]
		}
		l.queue = append(back, l.queue...)
	}
}

// lost is how many refusals no entry has.
func (r *refusals) lost() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[known].dropped + r.of[unknown].dropped
}

// lostRuns is how many ordered health checks no entry has.
func (r *refusals) lostRuns() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[checked].dropped
}

// lose gives up entries that the store will never take.
func (r *refusals) lose(entries []noted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range entries {
		r.of[n.class].lose(1)
	}
}

// writeRefusals stores what was noted.
func (m *Manager) writeRefusals(ctx context.Context, last bool) {
	if time.Now().Before(m.storeRetry) {
		return
	}
	entries := m.refusals.take(last)
	if len(entries) == 0 {
		return
	}
	d := &draft{}
	for _, n := range entries {
		d.Audit = append(d.Audit, n.AuditEntry)
	}
	err := m.commit(ctx, d)
	switch {
	case err == nil:
	case m.inDoubt(d):
		m.unsure.refusals = entries
	case KindOf(err) == Unavailable, KindOf(err) == Deposed:
		m.refusals.putBack(entries)
	default: // it will never be taken
		m.log.ErrorContext(ctx, "the store takes no entries of what was refused: they are lost",
			slog.Int("entries", len(entries)), slog.Any("error", err))
		m.refusals.lose(entries)
	}
}
