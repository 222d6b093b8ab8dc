package ws

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/strict"
	"github.com/degenduel/switchgear/wire"
)

// alertOf is an alert about a service, which ends at once if it is over.
func alertOf(id, service string, over bool) fleet.Alert {
	a := fleet.Alert{
		ID: id, Incident: id, Kind: fleet.AlertCircuitStateChange, Service: service, Severity: fleet.SeverityCritical, Summary: service + " is open",
		StartsAt: time.Now(), UpdatedAt: time.Now(), Root: service, Evidence: json.RawMessage(`{"failures":2}`),
	}
	if over {
		a.EndsAt = time.Now()
	}
	return a
}

func (f *fixture) alert(alerts ...fleet.Alert) {
	f.fleet.TellAlerts(fleet.AlertBatch{Alerts: alerts}, nil)
}

// alerts are the next n alerts that the peer is told of, by ID.
func (p *peer) alerts(n int) (ids []string) {
	p.Helper()
	for len(ids) < n {
		switch m := p.next(); m.Type {
		case wire.TypeAlertFiring, wire.TypeAlertResolved:
			var told wire.AlertMessage
			if err := strict.Decode(m.raw, &told, strict.Options{}); err != nil {
				p.Fatalf("%s: %v", m.raw, err)
			}
			if firing := m.Type == wire.TypeAlertFiring; firing != (told.Alert.Status == "firing") || told.Epoch == "" || told.Seq == 0 {
				p.Errorf("got %s", m.raw)
			}
			ids = append(ids, told.Alert.ID)
		}
	}
	return ids
}

func TestStream_TellsAlertsToThoseWhoMayKnow(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	f.declare(t, "data.prices", "data")
	f.declare(t, "game", "games")
	if err := f.auth.Set(limitedTo(t, "data.*")); err != nil {
		t.Fatal(err)
	}
	all, _, _ := f.join(t, "admin")
	limited, _, _ := f.join(t, "viewer")
	games, _, _ := f.join(t, "admin")
	games.send(`{"type":"subscribe:services","layers":["games"],"statuses":["unhealthy"]}`)
	games.find(wire.TypeServicesState)

	f.alert(alertOf("1", "data.prices", false), alertOf("2", "game", false))
	f.alert(alertOf("2", "game", true))
	f.alert(alertOf("1", "data.prices", true))
	for _, tt := range []struct {
		name string
		p    *peer
		want []string
	}{
		{"all", all, []string{"1", "2", "2", "1"}},
		{"limited", limited, []string{"1", "1"}},
		{"of a layer", games, []string{"2", "2"}},
	} {
		if diff := cmp.Diff(tt.want, tt.p.alerts(len(tt.want))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
}

func TestPromiseB_ComingBackGivesTheAlertsThatWereMissed(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "prices")
	p, status, _ := f.join(t, "viewer")
	f.alert(alertOf("1", "prices", false))
	first := p.find(wire.TypeAlertFiring)
	_ = p.conn.CloseNow()
	f.alert(alertOf("1", "prices", true))
	f.alert(alertOf("2", "prices", false))
	back := f.dial(t, "viewer", "?epoch="+status.Epoch+"&seq="+number(first.Seq))
	back.want(wire.TypeConnectionStatus)
	if diff := cmp.Diff([]string{"1", "2"}, back.alerts(2)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestStream_AnAlertNamesNoServiceThatTheTokenIsNotFor(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "data.prices")
	if err := f.auth.Set(limitedTo(t, "data.*")); err != nil {
		t.Fatal(err)
	}
	all, _, _ := f.join(t, "admin")
	limited, status, _ := f.join(t, "viewer")
	a := alertOf("1", "data.prices", false)
	a.Root, a.Affects = "root", []string{"data.prices", "game", "data.tokens"}
	f.alert(a)
	a.EndsAt = time.Now()
	f.alert(a)
	for _, tt := range []struct {
		name string
		p    *peer
		want []string
	}{
		{"all", all, []string{"data.prices", "game", "data.tokens"}},
		{"limited", limited, []string{"data.prices", "data.tokens"}},
	} {
		for _, kind := range []string{wire.TypeAlertFiring, wire.TypeAlertResolved} {
			var told wire.AlertMessage
			if err := strict.Decode(tt.p.find(kind).raw, &told, strict.Options{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, told.Alert.Affects); diff != "" || *told.Alert.Root != "root" || told.Type != kind {
				t.Errorf("%s, %s of %s (-want +got)\n%s", tt.name, told.Type, *told.Alert.Root, diff)
			}
			if tt.p == limited && told.Epoch != status.Epoch {
				t.Errorf("it is told in the epoch %s, and not in its own, %s", told.Epoch, status.Epoch)
			}
		}
	}
}
