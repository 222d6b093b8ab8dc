package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

func token(id, hash string) fleet.Token {
	return fleet.Token{ID: id, Name: "of " + id, Role: "admin", Hash: hash, CreatedAt: base, CreatedBy: "ada", ExpiresAt: after(3600)}
}

var tokenLaws = []law{
	{"OfAnEmptyStoreAreNone", func(x trial) {
		wantSame(x, "tokens", x.tokens(), nil)
	}},
	{"AllComeBack", func(x trial) {
		first, second := token("1", "aa"), token("2", "bb")
		second.CreatedAt, second.ExpiresAt = after(1), time.Time{} // it never expires
		second.Services = []string{"market_*", `"odd", \ 東京`, "a"}
		x.addToken(second)
		x.addToken(first)
		got := x.tokens()
		wantSame(x, "tokens", got, []fleet.Token{first, second})
		if len(got) == 2 && (!got[1].ExpiresAt.IsZero() || got[0].CreatedAt.Location() != time.UTC || got[0].ExpiresAt.Location() != time.UTC) {
			x.Errorf("times: %v", got)
		}
	}},
	{"WhatIsNotSaidComesBackEmpty", func(x trial) {
		bare := fleet.Token{ID: "1", Name: "n", Role: "viewer", Hash: "aa", CreatedAt: base}
		x.addToken(bare)
		wantSame(x, "tokens", x.tokens(), []fleet.Token{bare})
	}},
	{"SessionsKnowTheirParents", func(x trial) {
		parent, session := token("1", "aa"), token("2", "bb")
		session.Parent = "1"
		orphan := token("3", "cc")
		orphan.Parent = "environment" // of a token that is in no store
		x.commit(fleet.Batch{Tokens: []fleet.Token{parent, session, orphan}})
		wantSame(x, "tokens", x.tokens(), []fleet.Token{parent, session, orphan})
		x.commit(fleet.Batch{Revoked: []string{"1"}}) // who revokes says all that goes
		wantSame(x, "tokens", x.tokens(), []fleet.Token{session, orphan})
		x.commit(fleet.Batch{Tokens: []fleet.Token{token("4", "dd")}, Revoked: []string{"2", "3"}})
		wantSame(x, "tokens", x.tokens(), []fleet.Token{token("4", "dd")})
	}},
	{"OfOneTimeComeByID", func(x trial) {
		x.commit(fleet.Batch{Tokens: []fleet.Token{token("2", "bb"), token("3", "cc"), token("1", "aa")}})
		wantSame(x, "tokens", x.tokens(), []fleet.Token{token("1", "aa"), token("2", "bb"), token("3", "cc")})
	}},
	{"OneOfAnIDThatIsThereIsAConflict", func(x trial) {
		x.addToken(token("1", "aa"))
		x.refuse(fleet.Batch{Tokens: []fleet.Token{token("1", "bb")}})
		wantSame(x, "tokens", x.tokens(), []fleet.Token{token("1", "aa")})
	}},
	{"OneOfAHashThatIsThereIsAConflict", func(x trial) {
		x.addToken(token("1", "aa"))
		x.refuse(fleet.Batch{Tokens: []fleet.Token{token("2", "aa")}})
		wantSame(x, "tokens", x.tokens(), []fleet.Token{token("1", "aa")})
	}},
	{"TwiceInABatchIsAConflict", func(x trial) {
		x.refuse(fleet.Batch{Tokens: []fleet.Token{token("1", "aa"), token("1", "bb")}})
		x.refuse(fleet.Batch{Tokens: []fleet.Token{token("1", "aa"), token("2", "aa")}})
		wantSame(x, "tokens", x.tokens(), nil)
	}},
	{"AConflictLeavesNothingOfTheBatch", func(x trial) {
		x.addToken(token("1", "aa"))
		x.addToken(token("2", "bb"))
		before := x.everything()
		x.refuse(fleet.Batch{
			Services: []fleet.ServiceRow{row("a", `{}`)},
			Events:   []fleet.Event{event(1, "a", fleet.EventRegistered, base)},
			Configs:  []fleet.ConfigVersion{config("a", 1)},
			Audit:    []fleet.AuditEntry{audit("create token")},
			Tokens:   []fleet.Token{token("3", "cc"), token("1", "dd")},
			Revoked:  []string{"2"},
			Requests: []fleet.Request{request("k")},
		})
		wantSame(x, "everything", x.everything(), before)
		x.wantNoRequest("k")
	}},
	{"OneThatIsRevokedGoes", func(x trial) {
		x.addToken(token("1", "aa"))
		x.addToken(token("2", "bb"))
		x.commit(fleet.Batch{Revoked: []string{"1"}, Audit: []fleet.AuditEntry{audit("revoke token")}})
		wantSame(x, "tokens", x.tokens(), []fleet.Token{token("2", "bb")})
		x.addToken(token("1", "aa")) // its ID and its hash are free
	}},
	{"ToRevokeOneThatIsNotThereIsNothing", func(x trial) {
		x.addToken(token("1", "aa"))
		x.commit(fleet.Batch{Revoked: []string{"nobody's", "nobody's"}})
		wantSame(x, "tokens", x.tokens(), []fleet.Token{token("1", "aa")})
	}},
	{"OneThatTheBatchBringsAndRevokesIsGone", func(x trial) {
		x.commit(fleet.Batch{Tokens: []fleet.Token{token("1", "aa"), token("2", "bb")}, Revoked: []string{"1"}})
		wantSame(x, "tokens", x.tokens(), []fleet.Token{token("2", "bb")})
		x.refuse(fleet.Batch{Tokens: []fleet.Token{token("2", "cc")}, Revoked: []string{"2"}}) // it is there before it goes
		wantSame(x, "tokens", x.tokens(), []fleet.Token{token("2", "bb")})
	}},
	{"TheBatchStaysTheCallers", func(x trial) {
		given := token("1", "aa")
		given.Services = []string{"a"}
		x.addToken(given)
		given.Services[0] = "b"
		x.tokens()[0].Services[0] = "c"
		if got := x.tokens()[0].Services; !slices.Equal(got, []string{"a"}) {
			x.Errorf("the services became %v", got)
		}
	}},
}

var auditLaws = []law{
	{"OfAnEmptyStoreIsNone", func(x trial) {
		wantSame(x, "audit", x.audit(fleet.AuditQuery{}), nil)
	}},
	{"ComesBackAsItWas", func(x trial) {
		full, bare := audit("override"), fleet.AuditEntry{At: after(1), Action: "look"}
		b := x.commit(fleet.Batch{Audit: []fleet.AuditEntry{full, bare}})
		got := x.audit(fleet.AuditQuery{})
		wantSame(x, "audit", got, []fleet.AuditEntry{b.Audit[1], b.Audit[0]})
		full.ID = b.Audit[0].ID
		if len(got) != 2 || got[1].At.Location() != time.UTC || !got[1].At.Equal(base) {
			x.Errorf("audit: %+v", got)
		}
		wantSame(x, "all of an entry", got[1], full)
	}},
	{"IsFound", func(x trial) {
		entry := func(actor, action, service string, at time.Time) fleet.AuditEntry {
			return fleet.AuditEntry{At: at, Actor: actor, Action: action, Service: service}
		}
		b := x.commit(fleet.Batch{Audit: []fleet.AuditEntry{
			entry("ada", "reset", "a", after(0)),
			entry("eve", "reset", "b", after(1)),
			entry("ada", "config", "a", after(2)),
			entry("ada", "log in", "", after(3)),
			entry("eve", "config", "a", after(4)),
			entry("ada", "reset", "a", after(1)), // a clock was set back
		}})
		for _, q := range []struct {
			fleet.AuditQuery

			name string
			want []int
		}{
			{fleet.AuditQuery{}, "all", []int{5, 4, 3, 2, 1, 0}},
			{fleet.AuditQuery{Service: "a"}, "of a service", []int{5, 4, 2, 0}},
			{fleet.AuditQuery{Service: "nobody"}, "of nobody", nil},
			{fleet.AuditQuery{Actor: "eve"}, "of an actor", []int{4, 1}},
			{fleet.AuditQuery{Action: "config"}, "of an action", []int{4, 2}},
			{fleet.AuditQuery{Service: "a", Actor: "ada", Action: "reset"}, "of all three", []int{5, 0}},
			{fleet.AuditQuery{Since: after(2)}, "since a time, which counts", []int{4, 3, 2}},
			{fleet.AuditQuery{Until: after(2)}, "until a time, which does not count", []int{5, 1, 0}},
			{fleet.AuditQuery{Since: after(1), Until: after(3)}, "between times", []int{5, 2, 1}},
			{fleet.AuditQuery{Since: after(3).Add(time.Microsecond)}, "a microsecond after a time", []int{4}},
			{fleet.AuditQuery{Since: after(2), Until: after(2)}, "at no time", nil},
			{fleet.AuditQuery{Before: b.Audit[3].ID}, "before an ID", []int{2, 1, 0}},
			{fleet.AuditQuery{Before: b.Audit[0].ID}, "before the first", nil},
			{fleet.AuditQuery{Limit: 2}, "with a limit", []int{5, 4}},
			{fleet.AuditQuery{
				Service: "a", Actor: "ada", Action: "reset", Since: after(0), Until: after(4), Before: b.Audit[5].ID, Limit: 1,
			}, "by all of it", []int{0}},
		} {
			var want []fleet.AuditEntry
			for _, i := range q.want {
				want = append(want, b.Audit[i])
			}
			wantSame(x, q.name, x.audit(q.AuditQuery), want)
		}
	}},
	{"ComesInPagesWithoutAGapOrARepeat", func(x trial) {
		var given fleet.Batch
		for i := range 100 {
			entry := audit("look")
			entry.Service = []string{"a", "b", "c"}[i%3]
			given.Audit = append(given.Audit, entry)
		}
		x.commit(given)
		for _, service := range []string{"", "b"} {
			want := x.audit(fleet.AuditQuery{Service: service})
			var got []fleet.AuditEntry
			q := fleet.AuditQuery{Service: service, Limit: 7}
			for page := x.audit(q); len(page) > 0; page = x.audit(q) {
				got = append(got, page...)
				q.Before = page[len(page)-1].ID
			}
			wantSame(x, "pages of "+service, got, want)
		}
	}},
	{"HasALimitOf1To1000", func(x trial) {
		given := fleet.Batch{Audit: make([]fleet.AuditEntry, 1001)}
		for i := range given.Audit {
			given.Audit[i] = audit(fmt.Sprintf("action %d", i))
		}
		x.commit(given)
		if got := x.audit(fleet.AuditQuery{Limit: 1000}); len(got) != 1000 || got[0].Action != "action 1000" || got[999].Action != "action 1" {
			x.Errorf("%d entries came, want the newest 1000", len(got))
		}
		for _, limit := range []int{-1, 0, 1001} {
			_, err := x.Audit(x.Context(), fleet.AuditQuery{Limit: limit})
			x.wantKind(err, fleet.Invalid)
		}
	}},
}

// request is one of just now.
func request(key string) fleet.Request {
	return fleet.Request{Key: key, Fingerprint: "of " + key, At: time.Now(), Subject: "7"}
}

var requestLaws = []law{
	{"OneComesByItsKey", func(x trial) {
		given := request("k")
		given.Subject = ""
		x.commit(fleet.Batch{Requests: []fleet.Request{given, request("l")}})
		for key, want := range map[string]fleet.Request{"k": given, "l": request("l")} {
			got := x.request(key)
			if got.At.Location() != time.UTC || want.At.Sub(got.At).Abs() > time.Minute {
				x.Errorf("it was at %v, want %v", got.At, want.At)
			}
			got.At = want.At
			wantSame(x, "request "+key, got, want)
		}
	}},
	{"OneThatIsNotThereIsNotFound", func(x trial) {
		x.wantNoRequest("k")
		x.commit(fleet.Batch{Requests: []fleet.Request{request("k")}})
		for _, key := range []string{"", "K", "k ", "l"} {
			x.wantNoRequest(key)
		}
	}},
	{"AKeyThatIsThereRefusesTheWholeBatch", func(x trial) {
		x.commit(fleet.Batch{Requests: []fleet.Request{request("k")}})
		before := x.everything()
		again := request("k")
		again.Fingerprint = "another"
		x.refuse(fleet.Batch{
			Services: []fleet.ServiceRow{row("a", `{}`)},
			Events:   []fleet.Event{event(1, "a", fleet.EventRegistered, base)},
			Configs:  []fleet.ConfigVersion{config("a", 1)},
			Audit:    []fleet.AuditEntry{audit("register")},
			Tokens:   []fleet.Token{token("1", "aa")},
			Requests: []fleet.Request{request("l"), again},
		})
		wantSame(x, "everything", x.everything(), before)
		x.wantNoRequest("l")
		if got := x.request("k"); got.Fingerprint != "of k" {
			x.Errorf("the first became %+v", got)
		}
	}},
	{"AKeyTwiceInABatchIsAConflict", func(x trial) {
		x.refuse(fleet.Batch{Requests: []fleet.Request{request("k"), request("k")}})
		x.wantNoRequest("k")
	}},
	{"ABatchThatIsRefusedKeepsNone", func(x trial) {
		x.refuse(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", 2)}, Requests: []fleet.Request{request("k")}})
		x.wantNoRequest("k")
		x.commit(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", 1)}, Requests: []fleet.Request{request("k")}})
		x.request("k")
	}},
	{"AreForgottenAfterTheirTimeAndNotBefore", func(x trial) {
		old, young := request("old"), request("young")
		old.At = time.Now().Add(-fleet.RequestsKept - time.Minute)
		young.At = time.Now().Add(-fleet.RequestsKept + time.Minute)
		x.commit(fleet.Batch{Requests: []fleet.Request{old, young}})
		x.commit(fleet.Batch{Requests: []fleet.Request{request("new")}})
		x.wantNoRequest("old")
		x.request("young")
		x.request("new")
		x.refuse(fleet.Batch{Requests: []fleet.Request{young}})
	}},
	{"OneIsForgottenAfterItsTimeThoughNoOtherComes", func(x trial) {
		old, young := request("old"), request("young")
		old.At = time.Now().Add(-fleet.RequestsKept - time.Minute)
		young.At = time.Now().Add(-fleet.RequestsKept + time.Minute)
		x.commit(fleet.Batch{Requests: []fleet.Request{old, young}})
		x.wantNoRequest("old")
		x.request("young")
	}},
	{"AForgottenKeyIsAnybodys", func(x trial) {
		old := request("k")
		old.At = time.Now().Add(-fleet.RequestsKept - time.Minute)
		x.commit(fleet.Batch{Requests: []fleet.Request{old}})
		again := request("k")
		again.Fingerprint = "another"
		x.commit(fleet.Batch{Requests: []fleet.Request{again}})
		if got := x.request("k"); got.Fingerprint != "another" {
			x.Errorf("the request is %+v", got)
		}
	}},
}

func (x trial) audit(q fleet.AuditQuery) []fleet.AuditEntry {
	x.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	found, err := x.Audit(x.Context(), q)
	if err != nil {
		x.Fatalf("Audit(%+v): %v", q, err)
	}
	return found
}

func (x trial) request(key string) fleet.Request {
	x.Helper()
	found, err := x.Request(x.Context(), key)
	if err != nil {
		x.Fatalf("Request(%q): %v", key, err)
	}
	return found
}

func (x trial) wantNoRequest(key string) {
	x.Helper()
	got, err := x.Request(x.Context(), key)
	if err == nil {
		x.Errorf("Request(%q) = %+v", key, got)
		return
	}
	x.wantKind(err, fleet.NotFound)
}
