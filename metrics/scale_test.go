package metrics_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/metrics"
)

// busy is a fleet in which everything has happened to every service: its circuit
// opened, failed to recover and recovered, and now it is overridden.
func busy(services int) []fleet.ServiceMeasures {
	all := make([]fleet.ServiceMeasures, services)
	for i := range all {
		m := &all[i]
		m.Service, m.Layer = fmt.Sprintf("settlement_node_%05d", i), fmt.Sprintf("layer%d", i%8)
		m.Operations = switchgear.Operations{Successful: 1_234_567, Failed: 12_345, Ignored: 123, Rejected: 45_678}
		m.Counts.Rejections = switchgear.Rejections{Open: 12_345, HalfOpen: 123}
		m.Counts.Edges[switchgear.Closed][switchgear.Open] = 12
		m.Counts.Edges[switchgear.Open][switchgear.HalfOpen] = 17
		m.Counts.Edges[switchgear.HalfOpen][switchgear.Open] = 5
		m.Counts.Edges[switchgear.HalfOpen][switchgear.Closed] = 12
		for j := range m.Counts.Durations.Counts {
			m.Counts.Durations.Counts[j] = uint64(12_345 * (j + 1))
			m.Checks.Durations.Counts[j] = uint64(123 * (j + 1))
		}
		m.Counts.Durations.Sum = 1_234_567 * time.Millisecond
		m.Probed, m.Checks.Passed, m.Checks.Failed = true, 123_456, 1234
		if i%10 == 0 {
			m.Override = &switchgear.Override{Mode: switchgear.ForcedOpen, Until: time.Unix(1_800_000_000, 0)}
		}
	}
	return all
}

// scrapeOf asks as a Prometheus does that takes no compression.
func scrapeOf(tb testing.TB, c prometheus.Collector, accept string) *httptest.ResponseRecorder {
	tb.Helper()
	registry := prometheus.NewRegistry()
	if err := registry.Register(c); err != nil {
		tb.Fatal(err)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
	r.Header.Set("Accept", accept)
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		tb.Fatalf("%d %s", w.Code, w.Body)
	}
	return w
}

const (
	textFormat  = "text/plain;version=0.0.4"
	openMetrics = "application/openmetrics-text;version=1.0.0"
	protobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	mostBytes   = 20 << 20
)

var fleets = []struct {
	name     string
	services int
	by       metrics.Grouping
}{
	{"2000 services by service", 2000, metrics.Auto},
	{"20000 services by layer", 20_000, metrics.Auto},
}

func TestCollector_AScrapeOfALargeFleetStaysBelow20MiB(t *testing.T) {
	t.Parallel()
	for _, f := range fleets {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			c := metrics.CollectorOf(f.by, func() []fleet.ServiceMeasures { return busy(f.services) })
			size := scrapeOf(t, c, openMetrics).Body.Len() // plain text is a little less, protobuf a quarter
			t.Logf("%.1f MiB", float64(size)/(1<<20))
			if size > mostBytes {
				t.Errorf("%d bytes, want %d at most", size, mostBytes)
			}
		})
	}
}

func BenchmarkCollector_Scrape(b *testing.B) {
	for _, f := range fleets {
		all := busy(f.services)
		c := metrics.CollectorOf(f.by, func() []fleet.ServiceMeasures { return all })
		for name, format := range map[string]string{"text": textFormat, "protobuf": protobuf} {
			b.Run(f.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					b.ReportMetric(float64(scrapeOf(b, c, format).Body.Len())/(1<<20), "MiB")
				}
			})
		}
	}
}

// histogramsBy is by which label, of service and layer, durations are shown.
func histogramsBy(text string) (service, layer bool) {
	return strings.Contains(text, `switchgear_operation_duration_seconds_count{service=`) &&
			strings.Contains(text, `switchgear_health_check_duration_seconds_count{service=`),
		strings.Contains(text, `switchgear_operation_duration_seconds_count{layer=`) &&
			strings.Contains(text, `switchgear_health_check_duration_seconds_count{layer=`)
}

func TestCollector_KeepsHistogramsByLayerAbove2000Services(t *testing.T) {
	t.Parallel()
	services := 0
	collector := func(by metrics.Grouping) prometheus.Collector {
		return metrics.CollectorOf(by, func() []fleet.ServiceMeasures {
			all := busy(1)
			for i := range services - 1 {
				all = append(all, fleet.ServiceMeasures{Service: "x" + strconv.Itoa(i)})
			}
			return all
		})
	}
	wantBy := func(c prometheus.Collector, n int, wantLayer bool) {
		t.Helper()
		services = n
		text := scrapeOf(t, c, textFormat).Body.String()
		if service, layer := histogramsBy(text); layer != wantLayer || service == wantLayer {
			t.Errorf("with %d services, histograms are by service: %v, by layer: %v", n, service, layer)
		}
	}
	auto := collector(metrics.Auto)
	wantBy(auto, 2000, false)
	wantBy(auto, 2001, true)
	wantBy(auto, 1801, true) // not back and forth with each service that comes and goes
	wantBy(auto, 1800, false)
	wantBy(auto, 2000, false)
	wantBy(collector(""), 2001, true)
	wantBy(collector(metrics.ByService), 2001, false)
	wantBy(collector(metrics.ByLayer), 3, true)
}

func TestCollector_ALayerLosesNothingWhenAServiceGoes(t *testing.T) {
	t.Parallel()
	all := busy(24)
	c := metrics.CollectorOf(metrics.ByLayer, func() []fleet.ServiceMeasures { return all })
	const series = `switchgear_operation_duration_seconds_count{layer="layer0"}`
	count := func() string { return value(scrapeOf(t, c, textFormat).Body.String(), series) }
	one := uint64(0)
	for _, n := range all[0].Counts.Durations.Counts {
		one += n
	}
	want := func(n uint64, when string) {
		t.Helper()
		if got := count(); got != metricText(n) {
			t.Errorf("%s it counts %s, want %d", when, got, n)
		}
	}
	want(3*one, "at first")
	want(3*one, "again")
	all = all[1:] // the first of layer0 goes
	want(3*one, "without one of them")
	all[7].Counts.Durations.Counts[3] += 5
	want(3*one+5, "after five more")
	all[7].Counts = switchgear.Counts{} // declared anew
	all[7].Counts.Durations.Counts[0] = 2
	want(3*one+7, "after one began anew")
	all[7].Layer = "layer1" // what it took before stays where it was
	want(3*one+7, "after one moved")
	if got := value(scrapeOf(t, c, textFormat).Body.String(), `switchgear_circuit_transitions_total{from="closed",layer="layer0",to="open"}`); got != "36" {
		t.Errorf("its circuits opened %s times, want 36", got)
	}
	if got := value(scrapeOf(t, c, textFormat).Body.String(), `switchgear_operation_duration_seconds_count{layer="layer1"}`); got != metricText(3*one) {
		t.Errorf("where it moved to are %s, want %d", got, 3*one)
	}
	all = all[:1] // the last of layer0 goes
	if got := count(); got != "" {
		t.Errorf("a layer without services counts %s", got)
	}
}

func TestCollector_LeavesOutOfALargeFleetWhatHasNotHappened(t *testing.T) {
	t.Parallel()
	all := []fleet.ServiceMeasures{{Service: "idle"}}
	text := scrapeOf(t, metrics.CollectorOf(metrics.ByLayer, func() []fleet.ServiceMeasures { return all }), textFormat).Body.String()
	if n := strings.Count(text, `service="idle"`); n != 3 {
		t.Errorf("an idle service has %d series, want its state and its successes and failures:\n%s", n, text)
	}
	text = scrapeOf(t, metrics.CollectorOf(metrics.ByService, func() []fleet.ServiceMeasures { return all }), textFormat).Body.String()
	if n := strings.Count(text, `service="idle"`); n != 19 {
		t.Errorf("in a small fleet an idle service has %d series, want all 19:\n%s", n, text)
	}
}

func TestCollector_ShowsNativeBucketsToWhomAsksForProtobuf(t *testing.T) {
	t.Parallel()
	all := busy(1)
	at := time.Unix(1_800_000_000, 0)
	all[0].Exemplars = []fleet.Exemplar{{Bucket: 2, TraceID: "0af7651916cd43dd8448eb211c80319c", Value: 3 * time.Millisecond, At: at}}
	c := metrics.CollectorOf(metrics.Auto, func() []fleet.ServiceMeasures { return all })
	if text := scrapeOf(t, c, openMetrics).Body.String(); !strings.Contains(text, `# {trace_id="0af7651916cd43dd8448eb211c80319c"} 0.003 1.8e+09`) {
		t.Errorf("OpenMetrics has no exemplar:\n%s", text)
	}
	binary, plain := scrapeOf(t, c, protobuf), scrapeOf(t, c, textFormat)
	if kind := binary.Header().Get("Content-Type"); !strings.HasPrefix(kind, "application/vnd.google.protobuf") {
		t.Errorf("it is %s", kind)
	}
	for _, h := range familyOf(t, binary, "switchgear_operation_duration_seconds") {
		if len(nativeCounts(t, h.GetHistogram())) < 20 || len(h.GetHistogram().GetBucket()) == 0 {
			t.Errorf("it shows %v", h)
		}
	}
	if strings.Contains(plain.Body.String(), "schema") {
		t.Error("text has native buckets")
	}
}

// metricText is a number as it stands in the text.
func metricText(n uint64) string { return strconv.FormatFloat(float64(n), 'g', -1, 64) }

// familyOf reads a metric out of an answer in protobuf.
func familyOf(t *testing.T, w *httptest.ResponseRecorder, name string) []*dto.Metric {
	t.Helper()
	decoder := expfmt.NewDecoder(w.Body, expfmt.ResponseFormat(w.Header()))
	for {
		var f dto.MetricFamily
		if err := decoder.Decode(&f); err != nil {
			t.Fatalf("there is no %s: %v", name, err)
		}
		if f.GetName() == name {
			return f.GetMetric()
		}
	}
}
