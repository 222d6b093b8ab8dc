package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

type alertLaw struct {
	name string
	hold func(x alertTrial)
}

var alertLaws = slices.Concat(alertRowLaws, acknowledgementLaws, silenceLaws, deliveryLaws, trimLaws)

var alertRowLaws = []alertLaw{
	{"OfAnEmptyStoreIsNothing", func(x alertTrial) {
		wantAlerts(x, "everything", x.everyAlert(), fleet.AlertBatch{})
		_, err := x.alerts.Alert(x.Context(), "1")
		x.wantKind(err, fleet.NotFound)
		if n, err := x.alerts.TrimAlerts(x.Context(), after(1), 10); n != 0 || err != nil {
			x.Errorf("TrimAlerts = %d, %v", n, err)
		}
		x.settle(nil)
		x.settle([]string{"1"}, delivery("2"))
		wantAlerts(x, "everything", x.everyAlert(), fleet.AlertBatch{})
	}},
	{"AlertsComeBackAsTheyWere", func(x alertTrial) {
		full, bare := resolved("2", "a", 5), fleet.Alert{ID: "1", Incident: "1", Kind: "k", Service: "b", Severity: "info", StartsAt: base, UpdatedAt: base}
		x.write(fleet.AlertBatch{Alerts: []fleet.Alert{full, bare}})
		got := x.query(fleet.AlertQuery{})
		wantAlerts(x, "alerts", got, []fleet.Alert{full, bare})
		wantAlerts(x, "one", x.alert("2"), full)
		for _, at := range []time.Time{got[0].StartsAt, got[0].EndsAt, got[0].UpdatedAt, got[0].ToldAt} {
			if at.Location() != time.UTC {
				x.Errorf("%v is not in UTC", at)
			}
		}
		if !got[1].Firing() || !got[1].ToldAt.IsZero() || !got[1].AcknowledgedAt.IsZero() || got[1].Evidence != nil {
			x.Errorf("what was not said is %+v", got[1])
		}
	}},
	{"AnAlertIsWrittenOver", func(x alertTrial) {
		x.write(fleet.AlertBatch{Alerts: []fleet.Alert{alert("1", "a"), alert("2", "b")}})
		changed := fleet.Alert{
			ID: "1", Incident: "2", Kind: fleet.AlertFlapping, Service: "c", Severity: fleet.SeverityInfo, Summary: "other",
			StartsAt: after(10), EndsAt: after(11), UpdatedAt: after(12), Root: "c", Affects: []string{"z"}, Evidence: json.RawMessage(`{}`),
		}
		x.write(fleet.AlertBatch{Alerts: []fleet.Alert{changed}})
		wantAlerts(x, "alerts", x.query(fleet.AlertQuery{}), []fleet.Alert{alert("2", "b"), changed})
		x.write(fleet.AlertBatch{Alerts: []fleet.Alert{changed, alert("1", "d")}}) // the later stands
		wantAlerts(x, "alert", x.alert("1"), alert("1", "d"))
	}},
	{"QueriesPickAndPage", func(x alertTrial) {
		of := func(id, incident, service string, end int) fleet.Alert {
			a := alert(id, service)
			if a.Incident = incident; end > 0 {
				a.EndsAt = after(end)
			}
			return a
		}
		x.write(fleet.AlertBatch{Alerts: []fleet.Alert{
			of("03", "01", "a", 0), of("01", "01", "a", 9), of("02", "01", "b", 9), of("10", "04", "a", 0), of("04", "04", "b", 0), of("B", "B", "c", 0), of("a", "a", "c", 9),
		}})
		x.wantIDs(fleet.AlertQuery{}, "a", "B", "10", "04", "03", "02", "01") // by their bytes
		x.wantIDs(fleet.AlertQuery{Status: fleet.FiringAlerts}, "B", "10", "04", "03")
		x.wantIDs(fleet.AlertQuery{Status: fleet.ResolvedAlerts}, "a", "02", "01")
		x.wantIDs(fleet.AlertQuery{Service: "a"}, "10", "03", "01")
		x.wantIDs(fleet.AlertQuery{Service: "a", Status: fleet.FiringAlerts, Before: "10"}, "03")
		x.wantIDs(fleet.AlertQuery{Incident: "01"}, "03", "02", "01")
		x.wantIDs(fleet.AlertQuery{Incident: "01", Service: "b", Status: fleet.ResolvedAlerts}, "02")
		x.wantIDs(fleet.AlertQuery{Incident: "nobody's"})
		x.wantIDs(fleet.AlertQuery{Limit: 2}, "a", "B")
		x.wantIDs(fleet.AlertQuery{Limit: 3, Before: "B"}, "10", "04", "03")
		x.wantIDs(fleet.AlertQuery{Limit: 3, Before: "03"}, "02", "01")
		x.wantIDs(fleet.AlertQuery{Status: fleet.FiringAlerts, Limit: 1, Before: "B"}, "10")
		for _, limit := range []int{0, -1, 1001} {
			_, err := x.alerts.Alerts(x.Context(), fleet.AlertQuery{Limit: limit})
			x.wantKind(err, fleet.Invalid)
		}
	}},
	{"ManyAreOneTransaction", func(x alertTrial) {
		var b fleet.AlertBatch
		for i := range 40 {
			id := fmt.Sprintf("%02d", i)
			b.Alerts, b.Silences, b.Deliveries = append(b.Alerts, alert(id, "a")), append(b.Silences, silence(id, i)), append(b.Deliveries, delivery(id))
		}
		// What the store refuses leaves nothing of the alerts.
		x.commit(fleet.Batch{Tokens: []fleet.Token{token("1", "aa")}})
		x.refuse(fleet.Batch{Alerts: b, Tokens: []fleet.Token{token("1", "aa")}})
		wantAlerts(x, "everything", x.everyAlert(), fleet.AlertBatch{})
		x.commit(fleet.Batch{Alerts: b, Audit: []fleet.AuditEntry{audit("silence")}, Events: []fleet.Event{event(1, "a", fleet.EventReset, base)}})
		got := x.everyAlert()
		slices.Reverse(got.Alerts)
		wantAlerts(x, "everything", got, b)
	}},
	{"HeedAContextThatHasEnded", heedAnEndedContext},
	{"ReadersSeeWholeBatches", alertReadersSeeWholeBatches},
}

func acknowledge(by string, second int, ids ...string) fleet.AlertBatch {
	return fleet.AlertBatch{Acknowledged: []fleet.Acknowledgement{{Alerts: ids, By: by, At: after(second)}}}
}

func (x alertTrial) wantAcknowledged(id, by string, at time.Time) {
	x.Helper()
	if a := x.alert(id); a.AcknowledgedBy != by || !a.AcknowledgedAt.Equal(at) {
		x.Errorf("alert %s is acknowledged by %q at %v, want %q at %v", id, a.AcknowledgedBy, a.AcknowledgedAt, by, at)
	}
}

var acknowledgementLaws = []alertLaw{
	{"AnAcknowledgementChangesNothingElse", func(x alertTrial) {
		x.write(fleet.AlertBatch{Alerts: []fleet.Alert{alert("1", "a"), alert("2", "b"), alert("3", "c")}})
		x.write(acknowledge("ada", 7, "1", "3", "nobody's"))
		want := alert("1", "a")
		want.AcknowledgedBy, want.AcknowledgedAt = "ada", after(7)
		wantAlerts(x, "alert", x.alert("1"), want)
		x.wantAcknowledged("2", "", time.Time{})
		x.wantAcknowledged("3", "ada", after(7))
		x.write(acknowledge("bob", 8, "3"))
		x.wantAcknowledged("3", "bob", after(8))
		x.wantAcknowledged("1", "ada", after(7))
	}},
	{"AnAlertThatIsWrittenOverStaysAcknowledged", func(x alertTrial) {
		x.write(fleet.AlertBatch{Alerts: []fleet.Alert{alert("1", "a")}})
		x.write(acknowledge("ada", 7, "1"))
		x.write(fleet.AlertBatch{Alerts: []fleet.Alert{resolved("1", "a", 20)}}) // as it was before
		x.wantAcknowledged("1", "ada", after(7))
		other := resolved("1", "a", 21)
		other.AcknowledgedBy, other.AcknowledgedAt = "mallory", after(1)
		x.write(fleet.AlertBatch{Alerts: []fleet.Alert{other}})
		x.wantAcknowledged("1", "ada", after(7))
		if a := x.alert("1"); !a.EndsAt.Equal(after(21)) {
			x.Errorf("it ends at %v", a.EndsAt)
		}
	}},
	{"AnAcknowledgementMayBeTakenBack", func(x alertTrial) {
		x.write(fleet.AlertBatch{Alerts: []fleet.Alert{alert("1", "a"), alert("2", "b")}})
		x.write(acknowledge("ada", 7, "1", "2"))
		x.write(fleet.AlertBatch{Acknowledged: []fleet.Acknowledgement{{Alerts: []string{"1"}}}})
		x.wantAcknowledged("1", "", time.Time{})
		x.wantAcknowledged("2", "ada", after(7))
	}},
	{"ABatchMayAcknowledgeWhatItWrites", func(x alertTrial) {
		b := acknowledge("ada", 7, "1", "2")
		b.Alerts = []fleet.Alert{alert("1", "a"), resolved("2", "b", 3), resolved("1", "a", 4)}
		b.Acknowledged = append(b.Acknowledged, fleet.Acknowledgement{Alerts: []string{"2"}, By: "bob", At: after(8)})
		x.write(b)
		x.wantAcknowledged("1", "ada", after(7))
		x.wantAcknowledged("2", "bob", after(8))
	}},
	{"ANewAlertMayBeAcknowledgedAlready", func(x alertTrial) {
		known := alert("1", "a")
		known.AcknowledgedBy, known.AcknowledgedAt = "ada", after(7)
		x.write(fleet.AlertBatch{Alerts: []fleet.Alert{known, resolved("1", "a", 9)}})
		x.wantAcknowledged("1", "ada", after(7))
	}},
}

var silenceLaws = []alertLaw{
	{"SilencesComeBackAsTheyWere", func(x alertTrial) {
		all := []fleet.Silence{silence("1", 60), silence("2", 60), {ID: "3", Matchers: []fleet.Matcher{{Field: "root", Op: "=", Value: ""}}, StartsAt: base, EndsAt: after(60), CreatedAt: base}}
		x.write(fleet.AlertBatch{Silences: []fleet.Silence{all[2], all[0], all[1]}})
		got := x.silences(base)
		wantAlerts(x, "silences", got, all)
		if got[0].StartsAt.Location() != time.UTC {
			x.Errorf("%v is not in UTC", got[0].StartsAt)
		}
	}},
	{"ASilenceIsWrittenOver", func(x alertTrial) {
		x.write(fleet.AlertBatch{Silences: []fleet.Silence{silence("1", 60), silence("2", 60)}})
		ended := fleet.Silence{ID: "1", Matchers: []fleet.Matcher{{Field: "kind", Op: "=", Value: "x"}}, Reason: "r", Author: "bob", StartsAt: after(1), EndsAt: after(30), CreatedAt: after(2)}
		x.write(fleet.AlertBatch{Silences: []fleet.Silence{silence("1", 90), ended}})
		wantAlerts(x, "silences", x.silences(base), []fleet.Silence{ended, silence("2", 60)})
	}},
	{"SilencesThatHaveEndedAreLeftOut", func(x alertTrial) {
		x.write(fleet.AlertBatch{Silences: []fleet.Silence{silence("1", 10), silence("2", 20), silence("3", 30)}})
		for seconds, want := range map[int]int{0: 3, 9: 3, 10: 2, 19: 2, 20: 1, 29: 1, 30: 0} {
			if got := len(x.silences(after(seconds))); got != want {
				x.Errorf("after %d s: %d silences, want %d", seconds, got, want)
			}
		}
		wantAlerts(x, "the last", x.silences(after(25)), []fleet.Silence{silence("3", 30)})
	}},
}

var deliveryLaws = []alertLaw{
	{"DeliveriesComeBackTheOldestFirst", func(x alertTrial) {
		bare := fleet.Delivery{ID: "2", Receiver: "r", Incident: "i", Kind: "test", CreatedAt: base}
		tried := delivery("3")
		tried.Attempts, tried.LastError = 7, `"no" route`
		x.write(fleet.AlertBatch{Deliveries: []fleet.Delivery{tried, delivery("1"), bare}})
		got := x.deliveries(10)
		wantAlerts(x, "deliveries", got, []fleet.Delivery{delivery("1"), bare, tried})
		if !got[1].NextAt.IsZero() || got[0].NextAt.Location() != time.UTC {
			x.Errorf("times: %v, %v", got[0].NextAt, got[1].NextAt)
		}
		for limit, want := range map[int]int{-1: 0, 0: 0, 1: 1, 2: 2, 3: 3, 5000: 3} {
			if got := len(x.deliveries(limit)); got != want {
				x.Errorf("of %d at most there are %d, want %d", limit, got, want)
			}
		}
	}},
	{"ADeliveryThatIsThereStaysAsItIs", func(x alertTrial) {
		tried := delivery("1")
		tried.Attempts, tried.NextAt, tried.LastError = 2, after(30), "HTTP 500"
		x.write(fleet.AlertBatch{Deliveries: []fleet.Delivery{delivery("1"), tried}})
		wantAlerts(x, "deliveries", x.deliveries(9), []fleet.Delivery{delivery("1")})
		x.settle(nil, tried)
		x.write(fleet.AlertBatch{Deliveries: []fleet.Delivery{delivery("1"), delivery("2")}}) // an answer was lost
		wantAlerts(x, "deliveries", x.deliveries(9), []fleet.Delivery{tried, delivery("2")})
	}},
	{"SettlingRemovesAndNotes", func(x alertTrial) {
		for i := range 6 {
			x.write(fleet.AlertBatch{Deliveries: []fleet.Delivery{delivery(strconv.Itoa(i))}})
		}
		tried := delivery("2")
		tried.Attempts, tried.NextAt, tried.LastError = 4, after(40), "connection refused"
		want := tried
		tried.Receiver, tried.Incident, tried.Kind, tried.Alerts, tried.CreatedAt = "other", "other", "other", nil, after(99) // which is not looked at
		x.settle([]string{"1", "3", "4", "nobody's"}, tried, delivery("nobody's, too"))
		wantAlerts(x, "deliveries", x.deliveries(9), []fleet.Delivery{delivery("0"), want, delivery("5")})
		again := want
		again.Attempts, again.NextAt, again.LastError = 5, time.Time{}, ""
		x.settle(nil, again)
		wantAlerts(x, "deliveries", x.deliveries(9), []fleet.Delivery{delivery("0"), again, delivery("5")})
		x.settle([]string{"0"}, delivery("0")) // done is done
		wantAlerts(x, "deliveries", x.deliveries(9), []fleet.Delivery{again, delivery("5")})
	}},
}

var trimLaws = []alertLaw{
	{"TrimRemovesWhatEndedFirst", func(x alertTrial) {
		x.write(fleet.AlertBatch{
			Alerts:     []fleet.Alert{alert("1", "a"), resolved("2", "a", 30), resolved("3", "a", 10), resolved("4", "a", 20), resolved("5", "a", 40)},
			Silences:   []fleet.Silence{silence("1", 15), silence("2", 5), silence("3", 100)},
			Deliveries: []fleet.Delivery{delivery("1")},
		})
		trim := func(before, limit, want int) {
			x.Helper()
			if n, err := x.alerts.TrimAlerts(x.Context(), after(before), limit); err != nil || n != want {
				x.Errorf("TrimAlerts(%d s, %d) = %d, %v; want %d", before, limit, n, err, want)
			}
		}
		left := func(alerts []string, silences int) {
			x.Helper()
			x.wantIDs(fleet.AlertQuery{}, alerts...)
			if got := len(x.silences(time.Time{})); got != silences {
				x.Errorf("%d silences are left, want %d", got, silences)
			}
		}
		trim(5, 10, 0)
		trim(40, 0, 0)
		trim(40, -1, 0)
		trim(40, 1, 2)
		left([]string{"5", "4", "2", "1"}, 2)
		trim(31, 1, 2)
		left([]string{"5", "2", "1"}, 1)
		trim(40, 10, 1)
		left([]string{"5", "1"}, 1)
		trim(1000, 10, 2)
		left([]string{"1"}, 0)
		if len(x.deliveries(9)) != 1 {
			x.Error("a delivery is gone")
		}
	}},
}
