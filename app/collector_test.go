package app_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metricsv1 "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	metricv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	spanv1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector takes what is sent over OTLP, by HTTP in protobuf.
type collector struct {
	*httptest.Server

	mu       sync.Mutex
	spans    []*spanv1.Span
	metrics  map[string]*metricv1.Metric // the latest
	resource map[string]string
	requests int
	refuse   string // what it says to all; empty: it takes them
	came     chan struct{}
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{metrics: map[string]*metricv1.Metric{}, came: make(chan struct{}, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		var sent tracev1.ExportTraceServiceRequest
		c.take(t, w, r, &sent, func() {
			for _, rs := range sent.GetResourceSpans() {
				c.resource = plain(rs.GetResource().GetAttributes())
				for _, ss := range rs.GetScopeSpans() {
					c.spans = append(c.spans, ss.GetSpans()...)
				}
			}
		})
	})
	mux.HandleFunc("POST /v1/metrics", func(w http.ResponseWriter, r *http.Request) {
		var sent metricsv1.ExportMetricsServiceRequest
		c.take(t, w, r, &sent, func() {
			for _, rm := range sent.GetResourceMetrics() {
				for _, sm := range rm.GetScopeMetrics() {
					for _, m := range sm.GetMetrics() {
						c.metrics[m.GetName()] = m
					}
				}
			}
		})
	})
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	return c
}

// take reads a request into sent, and keeps it.
func (c *collector) take(t *testing.T, w http.ResponseWriter, r *http.Request, sent proto.Message, keep func()) {
	t.Helper()
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			t.Error(err)
			return
		}
		body = z
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return // it was cut off
	}
	if err := proto.Unmarshal(data, sent); err != nil || r.Header.Get("Content-Type") != "application/x-protobuf" {
		t.Errorf("%s: %s, %v", r.URL, r.Header.Get("Content-Type"), err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	if c.refuse != "" {
		http.Error(w, c.refuse, http.StatusUnauthorized)
	} else {
		keep()
	}
	select {
	case c.came <- struct{}{}:
	default:
	}
}

// await waits until what came is as wanted.
func (c *collector) await(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		c.mu.Lock()
		there := is()
		c.mu.Unlock()
		if there {
			return
		}
		select {
		case <-c.came:
		case <-deadline:
			c.mu.Lock()
			defer c.mu.Unlock()
			t.Fatalf("%s does not come; there are %d requests and the spans %v", what, c.requests, c.spans)
		}
	}
}

// span is the newest one of the name that is as wanted, if it is there. The mutex is
// held.
func (c *collector) span(name string, is func(map[string]string) bool) *spanv1.Span {
	for _, s := range slices.Backward(c.spans) {
		if s.GetName() == name && is(plain(s.GetAttributes())) {
			return s
		}
	}
	return nil
}

// points are the attributes and the values of a metric. The mutex is held.
func (c *collector) points(name string) map[string]float64 {
	all := map[string]float64{}
	m := c.metrics[name]
	add := func(p *metricv1.NumberDataPoint) {
		var key strings.Builder
		for _, a := range p.GetAttributes() {
			key.WriteString(a.GetKey() + "=" + a.GetValue().GetStringValue() + ";")
		}
		all[key.String()] = p.GetAsDouble()
	}
	for _, p := range m.GetSum().GetDataPoints() {
		add(p)
	}
	for _, p := range m.GetGauge().GetDataPoints() {
		add(p)
	}
	return all
}

func plain(all []*commonv1.KeyValue) map[string]string {
	got := make(map[string]string, len(all))
	for _, a := range all {
		got[a.GetKey()] = a.GetValue().GetStringValue()
	}
	return got
}
