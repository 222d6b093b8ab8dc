package rest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// traced lets the API make spans, and keeps them.
func (b *bench) traced() *tracetest.SpanRecorder {
	spans := tracetest.NewSpanRecorder()
	b.api.tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")
	return spans
}

func TestTrace_OrdersAreSpansBelowTheirCallers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	spans := b.traced()
	const parent = "0af7651916cd43dd8448eb211c80319c"
	got := b.as("operator", "POST", "/api/v2/services/market/reset", `{"reason":"try"}`,
		"Traceparent", "00-"+parent+"-b7ad6b7169203331-01")
	if got.status != http.StatusOK || len(spans.Ended()) != 1 {
		t.Fatalf("%d %s, and %d spans", got.status, got.raw, len(spans.Ended()))
	}
	s := spans.Ended()[0]
	if s.Name() != "POST /api/v2/services/{service}/reset" || s.SpanKind() != trace.SpanKindServer ||
		s.SpanContext().TraceID().String() != parent || s.Parent().SpanID().String() != "b7ad6b7169203331" || !s.Parent().IsRemote() {
		t.Errorf("%s is of trace %v below %v", s.Name(), s.SpanContext().TraceID(), s.Parent().SpanID())
	}
	attributes := map[string]string{}
	for _, a := range s.Attributes() {
		attributes[string(a.Key)] = a.Value.String()
	}
	want := map[string]string{
		"http.request.method": "POST", "http.route": "/api/v2/services/{service}/reset", "http.response.status_code": "200",
		"switchgear.action": "reset", "switchgear.actor": "operator-1", "switchgear.service": "market", "switchgear.request_id": "",
	}
	if diff := cmp.Diff(want, attributes); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTrace_HasTheStatusOfWhatWentWrong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	spans := b.traced()
	b.admin(http.StatusBadRequest, "PUT", "/api/v2/services/market/override", `{"mode":"forced_open"}`)
	b.api.manager = nil // so that it panics
	func() {
		defer func() { _ = recover() }()
		r := httptest.NewRequest(http.MethodDelete, "/api/v2/services/market/override?reason=x", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+secrets["admin"])
		b.api.ServeHTTP(httptest.NewRecorder(), r)
	}()
	b.api.manager = b.manager
	var got []string
	for _, s := range spans.Ended() {
		for _, a := range s.Attributes() {
			if a.Key == "http.response.status_code" {
				got = append(got, a.Value.String()+" "+s.Status().Code.String())
			}
		}
	}
	if diff := cmp.Diff([]string{"400 " + codes.Unset.String(), "500 " + codes.Error.String()}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTrace_IsNotMadeByWhoMayNotOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("market")
	spans := b.traced()
	for _, role := range []string{"", "viewer", "agent"} {
		b.as(role, "POST", "/api/v2/services/market/reset", `{"reason":"try"}`, "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	}
	b.as("viewer", "GET", "/api/v2/services/market", "")
	b.as("agent", "POST", "/api/v2/services/market/operations", `{"outcome":"success"}`)
	for _, s := range spans.Ended() {
		t.Errorf("there is a span %s", s.Name())
	}
}
