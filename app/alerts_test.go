package app_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// TestAlerts_ComeThroughABadReceiverAndKills has a receiver that is down, answers
// 500, hangs, and then is well, and kills the manager at each of these.
func TestAlerts_ComeThroughABadReceiverAndKills(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	data := alertPlace(t, quick(to("ops", h.url()))+three)
	p := serve(t, data)
	p.fail(t, "db")
	r := p.receiver(t, "ops", func(r wire.Receiver) bool { return r.Failed > 0 })
	if r.Waiting != 1 || r.LastError == nil || r.Delivered != 0 {
		t.Errorf("while it is down it is shown as %+v", r)
	}
	p.kill(t)

	h.set(fails)
	h.start()
	p = serve(t, data)
	h.after(0)
	p.heal(t, "db")
	p.alerts(t, client.AlertQuery{Status: "firing"}, func(all []wire.Alert) bool { return len(all) == 0 })
	p.fail(t, "web")
	p.receiver(t, "ops", func(r wire.Receiver) bool { return r.Waiting == 3 })
	p.kill(t)

	before := h.set(hangs)
	p = serve(t, data)
	h.after(before)
	p.kill(t) // the receiver has it, and could not say so
	before = h.set(hangs)
	p = serve(t, data)
	h.after(before)
	h.set(takes)
	h.hears(3)
	p.heal(t, "web")
	h.hears(4)
	p.kill(t) // whether or not what was taken is stored

	p = serve(t, data)
	p.fail(t, "db")
	h.hears(5)
	p.heal(t, "db")
	are(t, h.hears(6), "firing db", "resolved db", "firing web", "resolved web", "firing db", "resolved db")
	times := make(map[string]int)
	for _, m := range h.after(0) {
		if m.taken {
			times[m.Delivery]++
		}
	}
	for id, n := range times {
		if n > 3 {
			t.Errorf("the message %s came %d times", id, n)
		}
	}
}

// TestAlerts_OfARootAndAllThatDependOnItAreOneMessage has the root fail beside
// what depends on it, and the last of that when all was told.
func TestAlerts_OfARootAndAllThatDependOnItAreOneMessage(t *testing.T) {
	t.Parallel()
	const dependants = 14
	h := runningHook(t)
	var file strings.Builder
	file.WriteString(alerting("groupWaitMs: 2000, resolveAfterMs: 300", to("ops", h.url())))
	file.WriteString("defaults: { failureThreshold: 3, resetTimeoutMs: 600000, maxResetTimeoutMs: 600000 }\n")
	file.WriteString("services:\n  db: {}\n  other: {}\n")
	names := []string{"db"}
	for i := 1; i <= dependants; i++ {
		names = append(names, fmt.Sprintf("s%02d", i))
		fmt.Fprintf(&file, "  %s: { dependencies: [%s] }\n", names[i], []string{"db", names[i/2]}[i%2])
	}
	p := serve(t, alertPlace(t, file.String()))
	late := names[dependants]
	var failing sync.WaitGroup
	for _, name := range slices.Backward(names[:dependants]) {
		failing.Go(func() {
			if err := p.open(t.Context(), name); err != nil {
				t.Error(err)
			}
		})
	}
	failing.Wait()
	h.hears(1)
	p.fail(t, late)
	alerts := p.alerts(t, client.AlertQuery{Status: "firing"}, func(all []wire.Alert) bool { return len(all) == 2*(dependants+1) })
	for i := range alerts {
		if a := &alerts[i]; a.Incident != alerts[0].Incident || *a.Root != "db" || len(a.Affects) != dependants {
			t.Errorf("%s of %s is in %s, of %s, which drags down %v", a.Kind, a.Service, a.Incident, *a.Root, a.Affects)
		}
	}
	for _, name := range names {
		p.heal(t, name)
	}
	h.hears(2)
	p.fail(t, "other") // whatever was to be told before it has been told before it
	got := h.hears(3)
	are(t, got, "firing db", "resolved db", "firing other")
	for _, m := range got[:2] {
		if m.Incident != alerts[0].Incident || len(m.Affects) != dependants || m.Alerts[0].Service != "db" || len(m.Alerts) < 2*dependants {
			t.Errorf("the message is %s", m.body)
		}
	}
}

// TestAlerts_OfAServiceThatFlapsAreOneMessage opens a circuit and closes it, three
// times a second. Each time is over before the next.
func TestAlerts_OfAServiceThatFlapsAreOneMessage(t *testing.T) {
	t.Parallel()
	h := runningHook(t)
	p := serve(t, alertPlace(t, alerting("groupWaitMs: 1500, resolveAfterMs: 20, rules: { flapping: { withinMs: 3000 } }", to("ops", h.url()))+three))
	flap := time.NewTicker(150 * time.Millisecond)
	defer flap.Stop()
	for range 10 {
		p.fail(t, "db")
		<-flap.C
		p.heal(t, "db")
		<-flap.C
	}
	h.hears(2)
	p.fail(t, "web")
	got := h.hears(3)
	are(t, got, "firing db", "resolved db", "firing web")
	for _, m := range got[:2] {
		flaps := 0
		for _, a := range m.Alerts {
			if a.Kind == "flapping" {
				flaps++
			}
		}
		if flaps != 1 {
			t.Errorf("the message is %s", m.body)
		}
	}
}

func TestAlerts_AreToldWhenTheSilenceEnds(t *testing.T) {
	t.Parallel()
	h := runningHook(t)
	p := serve(t, alertPlace(t, quick(to("ops", h.url()))+three))
	ends := wire.Time{Time: time.Now().Add(4 * time.Second)}
	s, err := p.CreateSilence(t.Context(), wire.SilenceRequest{
		Matchers: []wire.Matcher{{Field: "service", Op: "=", Value: "db"}}, Reason: "new disks", EndsAt: &ends,
	})
	if err != nil || s.Status != "active" || s.Author != "admin" {
		t.Fatalf("%+v, %v", s, err)
	}
	p.fail(t, "db")
	p.alerts(t, client.AlertQuery{Service: "db"}, func(all []wire.Alert) bool {
		return len(all) == 2 && cmp.Equal(all[0].SilencedBy, []string{s.ID}) && cmp.Equal(all[1].SilencedBy, []string{s.ID})
	})
	p.fail(t, "web")
	got := h.hears(2)
	are(t, got, "firing web", "firing db")
	if got[1].at.Before(s.EndsAt.Time) {
		t.Errorf("it was told at %v, and the silence holds until %v", got[1].at, s.EndsAt)
	}
	if got[1].Reason != "firing" || len(got[1].Alerts) != 2 {
		t.Errorf("the message is %s", got[1].body)
	}
}

func TestAlerts_AreToldUntilAMaintenanceWindowBegins(t *testing.T) {
	t.Parallel()
	h := runningHook(t)
	data := alertPlace(t, quick(to("ops", h.url()))+three)
	p := serve(t, data)
	starts, ends := wire.Time{Time: time.Now().Add(3 * time.Second)}, wire.Time{Time: time.Now().Add(time.Hour)}
	s, err := p.CreateSilence(t.Context(), wire.SilenceRequest{
		Matchers: []wire.Matcher{{Field: "service", Op: "=~", Value: "db|web"}}, Reason: "new disks", StartsAt: &starts, EndsAt: &ends,
	})
	if err != nil || s.Status != "pending" {
		t.Fatalf("%+v, %v", s, err)
	}
	p.fail(t, "db")
	if first := h.after(0)[0]; *first.Root != "db" || !first.at.Before(starts.Time) {
		t.Errorf("at %v, of a window from %v, the message is %s", first.at, starts, first.body)
	}
	p.kill(t) // it is remembered
	p = serve(t, data)
	until(t, "the window begins", func() bool {
		all, err := p.Silences(t.Context())
		if err != nil || len(all.Silences) != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all.Silences[0].Status == "active"
	})
	p.fail(t, "web")
	p.alerts(t, client.AlertQuery{Service: "web"}, func(all []wire.Alert) bool {
		return len(all) == 2 && cmp.Equal(all[0].SilencedBy, []string{s.ID})
	})
	ended := time.Now()
	if err := p.EndSilence(t.Context(), s.ID, "done"); err != nil {
		t.Fatal(err)
	}
	got := h.hears(3)
	are(t, got, "firing db", "repeat db", "firing web")
	for _, m := range got[1:] {
		if m.at.Before(ended) {
			t.Errorf("it was told at %v, and the window was ended at %v: %s", m.at, ended, m.body)
		}
	}
}
