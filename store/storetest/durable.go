package storetest

import (
	"testing"

	"github.com/degenduel/switchgear/fleet"
)

// RunDurable tests the laws of what outlives the store's process. Each call of
// place makes an empty place; each call of what it returns opens the store in
// that place, and closes the one it opened before.
func RunDurable(t *testing.T, place func(t *testing.T) (open func(t *testing.T) fleet.Store)) {
	t.Helper()
	for _, l := range durableLaws {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			open := place(t)
			l.hold(func() trial { return trial{t, open(t)} })
		})
	}
}

var durableLaws = []struct {
	name string
	hold func(open func() trial)
}{
	{"EverythingIsThereAgain", func(open func() trial) {
		x := open()
		x.commit(fleet.Batch{
			Services: []fleet.ServiceRow{row("a", `{"running":true}`), row("b", `{}`)},
			Events:   []fleet.Event{event(1, "a", fleet.EventRegistered, base), event(2, "b", fleet.EventTransition, after(1))},
			Configs:  []fleet.ConfigVersion{config("a", 1), config("a", 2)},
			Audit:    []fleet.AuditEntry{audit("register")},
		})
		x.commit(fleet.Batch{Removed: []string{"b"}})
		limited := token("1", "aa")
		limited.Services = []string{"a", "b*"}
		session := token("3", "cc")
		session.Parent = "1"
		x.commit(fleet.Batch{Tokens: []fleet.Token{limited, token("2", "bb"), session}, Requests: []fleet.Request{request("k")}})
		x.commit(fleet.Batch{Revoked: []string{"2"}})
		before, asked := x.everything(), x.request("k")
		for range 2 {
			x = open()
			wantSame(x, "everything", x.everything(), before)
			wantSame(x, "request", x.request("k"), asked)
		}
	}},
	{"IDsGoOn", func(open func() trial) {
		var eventID, auditID int64
		for i := range uint64(3) {
			x := open()
			b := x.commit(fleet.Batch{Events: []fleet.Event{event(i+1, "a", fleet.EventReset, base)}, Audit: []fleet.AuditEntry{audit("reset")}})
			if b.Events[0].ID <= eventID || b.Audit[0].ID <= auditID {
				x.Errorf("after the IDs %d and %d come %d and %d", eventID, auditID, b.Events[0].ID, b.Audit[0].ID)
			}
			eventID, auditID = b.Events[0].ID, b.Audit[0].ID
		}
	}},
	{"ConflictsStayConflicts", func(open func() trial) {
		x := open()
		x.commit(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", 1)}})
		x.commit(fleet.Batch{Tokens: []fleet.Token{token("1", "aa")}, Requests: []fleet.Request{request("k")}})
		x = open()
		x.refuse(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", 1)}})
		x.refuse(fleet.Batch{Tokens: []fleet.Token{token("1", "bb")}})
		x.refuse(fleet.Batch{Tokens: []fleet.Token{token("2", "aa")}})
		x.refuse(fleet.Batch{Requests: []fleet.Request{request("k")}})
		x.commit(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", 2)}})
	}},
}
