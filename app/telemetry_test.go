package app_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	spanv1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/app"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/wire"
)

const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
)

// reset resets the service job over REST, as a part of its caller's trace.
func (p *process) reset(t *testing.T) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/api/v2/services/job/reset", strings.NewReader(`{"reason":"test"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Traceparent", "00-"+callersTrace+"-"+callersSpan+"-01")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("the reset is answered with %d", answer.StatusCode)
	}
}

// end stops the process as a supervisor does, and returns what it logged.
func (p *process) end(t *testing.T, data string) string {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(20 * time.Second): // the flush takes three
		_ = p.cmd.Process.Kill()
		t.Errorf("it does not end: %v", <-ended)
	}
	log, err := os.ReadFile(data + ".log")
	if err != nil {
		t.Fatal(err)
	}
	return string(log)
}

func service(name string) func(map[string]string) bool {
	return func(a map[string]string) bool { return a["switchgear.service"] == name }
}

func TestTelemetry_SendsSpansAndMetricsToTheCollectorOfTheEnvironment(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	var failing atomic.Bool
	var asked sync.Map // by the span that the request was a part of
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Header.Get("Traceparent"), true)
		if failing.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer upstream.Close()
	data := place(t, upstream.URL)
	p := serveWith(t, data, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, "OTEL_EXPORTER_OTLP_COMPRESSION=gzip", "OTEL_SERVICE_NAME=guard",
		"OTEL_RESOURCE_ATTRIBUTES=deployment.environment=test", "OTEL_BSP_SCHEDULE_DELAY=20", "OTEL_METRIC_EXPORT_INTERVAL=100")
	p.await(t, func(e wire.Entry) bool { return e.Status == "healthy" })
	p.reset(t)
	failing.Store(true)
	p.await(t, state("open"))

	var order, check *spanv1.Span
	c.await(t, "the span of the reset", func() bool {
		order = c.span("POST /api/v2/services/{service}/reset", service("job"))
		return order != nil
	})
	if hex.EncodeToString(order.GetTraceId()) != callersTrace || hex.EncodeToString(order.GetParentSpanId()) != callersSpan {
		t.Errorf("the span of the reset is not below its caller's: %v", order)
	}
	if about := plain(order.GetAttributes()); about["switchgear.actor"] != "admin" || about["switchgear.request_id"] == "" {
		t.Errorf("it is %v", about)
	}
	c.await(t, "the span of a health check that failed", func() bool {
		check = c.span("health check", service("web"))
		return check.GetStatus().GetCode() == spanv1.Status_STATUS_CODE_ERROR
	})
	parent := fmt.Sprintf("00-%x-%x-01", check.GetTraceId(), check.GetSpanId())
	if _, ok := asked.Load(parent); !ok || !strings.Contains(check.GetStatus().GetMessage(), "status 500") || len(check.GetParentSpanId()) > 0 {
		t.Errorf("the service was not told of its check's span %v", check)
	}
	c.await(t, "the state as a metric", func() bool { return c.points("switchgear_circuit_state")["service=web;state=open;"] == 1 })
	c.await(t, "a histogram", func() bool {
		points := c.metrics["switchgear_health_check_duration_seconds"].GetHistogram().GetDataPoints()
		return len(points) == 1 && points[0].GetCount() > 0 && len(points[0].GetBucketCounts()) == len(points[0].GetExplicitBounds())+1
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resource["service.name"] != "guard" || c.resource["deployment.environment"] != "test" || c.resource["telemetry.sdk.language"] != "go" {
		t.Errorf("the resource is %v", c.resource)
	}
}

func TestTelemetry_SendsTheRestAtTheEnd(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	data := place(t, "http://127.0.0.1:1/")
	p := serveWith(t, data, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+c.URL+"/v1/traces", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="+c.URL+"/v1/metrics",
		"OTEL_BSP_SCHEDULE_DELAY=3600000", "OTEL_METRIC_EXPORT_INTERVAL=3600000")
	p.reset(t)
	log := p.end(t, data)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.span("POST /api/v2/services/{service}/reset", service("job")) == nil || len(c.points("switchgear_circuit_state")) != 6 {
		t.Errorf("of the end come %d spans and %v\n%s", len(c.spans), c.points("switchgear_circuit_state"), log)
	}
	if c.resource["service.name"] != "switchgear" {
		t.Errorf("the resource is %v", c.resource)
	}
}

// silence is where connections are taken, and no more.
func silence(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestTelemetry_OfACollectorThatDoesNotAnswerHoldsNothingUp(t *testing.T) {
	t.Parallel()
	silent := silence(t)
	for name, endpoint := range map[string]string{"silent": "http://" + silent.Addr().String(), "away": "http://127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			defer upstream.Close()
			data := place(t, upstream.URL)
			p := serveWith(t, data, "OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint, "OTEL_BSP_SCHEDULE_DELAY=1", "OTEL_BSP_EXPORT_TIMEOUT=50",
				"OTEL_BSP_MAX_QUEUE_SIZE=4", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=1", "OTEL_METRIC_EXPORT_INTERVAL=50", "OTEL_METRIC_EXPORT_TIMEOUT=50")
			for range 20 {
				p.reset(t)
			}
			p.await(t, func(e wire.Entry) bool {
				return e.Status == "healthy" && failures(t, p, "traces") > 3 && failures(t, p, "metrics") > 3
			})
			log := p.end(t, data)
			if n := strings.Count(log, "OpenTelemetry"); n < 1 || n > 3 { // at first, and of both at the end
				t.Errorf("the log complains %d times:\n%s", n, log)
			}
		})
	}
}

// failures is how often the collector did not take what it was sent, as /metrics
// has it.
func failures(t *testing.T, p *process, signal string) (n int) {
	t.Helper()
	_, after, _ := strings.Cut(metricsOf(t, p), `switchgear_otlp_export_failures_total{signal="`+signal+`"} `)
	_, _ = fmt.Sscan(after, &n)
	return n
}

func metricsOf(t *testing.T, p *process) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var text strings.Builder
	if err := answer.Write(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestTelemetry_NeverLogsASecretOfTheEnvironment(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	for name, headers := range map[string]string{
		"good": "x-key=" + secret, "without a name": secret, "with a bad name": "x key=" + secret, "badly escaped": "x-key=" + secret + "%zz",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCollector(t)
			c.refuse = "the key " + secret + " is not known"
			data := place(t, "http://127.0.0.1:1/")
			p := serveWith(t, data, "OTEL_EXPORTER_OTLP_ENDPOINT="+strings.Replace(c.URL, "http://", "http://user:"+secret+"@", 1),
				"OTEL_EXPORTER_OTLP_HEADERS="+headers, "OTEL_BSP_SCHEDULE_DELAY=1", "OTEL_METRIC_EXPORT_INTERVAL=50")
			c.await(t, "a request", func() bool { return c.requests > 3 })
			log := p.end(t, data)
			if strings.Contains(log, secret) || !strings.Contains(log, "OpenTelemetry") {
				t.Errorf("the log says\n%s", log)
			}
		})
	}
}

func TestTelemetry_IsNotThereUnlessTheEnvironmentAsksForIt(t *testing.T) {
	t.Parallel()
	for name, vars := range map[string][]string{
		"disabled":      {"OTEL_EXPORTER_OTLP_ENDPOINT=%s", "OTEL_SDK_DISABLED=true"},
		"no exporters":  {"OTEL_EXPORTER_OTLP_ENDPOINT=%s", "OTEL_TRACES_EXPORTER=none", "OTEL_METRICS_EXPORTER=none"},
		"not asked for": {"OTEL_SERVICE_NAME=x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCollector(t)
			for i := range vars {
				vars[i] = strings.Replace(vars[i], "%s", c.URL, 1)
			}
			data := place(t, "http://127.0.0.1:1/")
			p := serveWith(t, data, append(vars, "OTEL_BSP_SCHEDULE_DELAY=1", "OTEL_METRIC_EXPORT_INTERVAL=1")...)
			p.reset(t)
			if strings.Contains(metricsOf(t, p), "otlp") {
				t.Error("the metrics speak of OTLP")
			}
			log := p.end(t, data)
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.requests != 0 || strings.Contains(log, "OpenTelemetry") {
				t.Errorf("%d requests came\n%s", c.requests, log)
			}
		})
	}
}

func TestTelemetry_OfABadEnvironmentIsToldAndEndsNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		vars []string
		want string
	}{
		"protocol": {
			[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"},
			`OTEL_EXPORTER_OTLP_PROTOCOL is \"grpc\": it may be http/protobuf or http/json`,
		},
		"exporter": {
			[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:1", "OTEL_TRACES_EXPORTER=zipkin"},
			`OTEL_TRACES_EXPORTER is \"zipkin\": it may be otlp or none`,
		},
		"endpoint": {
			[]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=collector:4318"},
			"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is no address: it must be a URL such as http://localhost:4318",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := place(t, "http://127.0.0.1:1/")
			p := serveWith(t, data, c.vars...)
			p.reset(t)
			if log := p.end(t, data); !strings.Contains(log, c.want) {
				t.Errorf("the log does not say %s:\n%s", c.want, log)
			}
		})
	}
}

// TestTelemetry_LeavesNothingBehind is alone, for it sets the environment: TestMain
// looks for goroutines.
func TestTelemetry_LeavesNothingBehind(t *testing.T) {
	silent := silence(t)
	for name, vars := range map[string]func(*collector) string{
		"taken": func(c *collector) string { return c.URL },
		"away":  func(*collector) string { return "http://127.0.0.1:1" },
		"silent": func(*collector) string {
			return "http://" + silent.Addr().String()
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t)
			if name == "silent" { // a connection to one that answers is kept for a while
				defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			}
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", vars(c))
			t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
			data := place(t, "http://127.0.0.1:1/")
			a, err := app.New(t.Context(), app.Options{
				Settings:   config.Settings{Listen: "127.0.0.1:0", Data: data},
				ConfigPath: filepath.Join(data, "..", "switchgear.yaml"), AdminToken: token, Stdout: new(strings.Builder), Stderr: new(strings.Builder),
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- a.Run(ctx) }()
			(&process{url: a.URL()}).reset(t)
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			if name == "taken" && c.span("POST /api/v2/services/{service}/reset", service("job")) == nil {
				t.Error("the span of the reset is not there")
			}
		})
	}
}
