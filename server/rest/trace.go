package rest

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/degenduel/switchgear/server/internal/auth"
)

// orders reports whether the route is one by which people change something: what
// agents report comes by the thousand, and a ticket or a session changes no service.
func (rt route) orders() bool {
	method, _, _ := strings.Cut(rt.pattern, " ")
	return method != http.MethodGet && !rt.open && (rt.role == auth.Operator || rt.role == auth.Admin)
}

// traced begins the span of a request that was let in, so that nobody else makes
// spans, below the one that its traceparent names.
func (a *API) traced(ctx context.Context, rt route, w http.ResponseWriter, c *call, began time.Time) (context.Context, *orderSpan) {
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(c.r.Header))
	method, path, _ := strings.Cut(rt.pattern, " ")
	about := []attribute.KeyValue{
		attribute.String("http.request.method", method), attribute.String("http.route", path),
		attribute.String("switchgear.action", rt.action), attribute.String("switchgear.actor", c.id.Name),
		attribute.String("switchgear.request_id", w.Header().Get("X-Request-Id")),
	}
	if c.service != "" {
		about = append(about, attribute.String("switchgear.service", c.service))
	}
	ctx, span := a.tracer.Start(ctx, rt.pattern,
		trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(about...))
	return ctx, &orderSpan{ResponseWriter: w, span: span}
}

// orderSpan is the span of a request, and sees the status of its answer.
type orderSpan struct {
	http.ResponseWriter

	span   trace.Span
	status int // 0: there is no answer
}

// end is called when the request is answered, or will not be: its handler panicked.
func (s *orderSpan) end() {
	status := cmp.Or(s.status, http.StatusInternalServerError)
	s.span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}

// WriteHeader implements http.ResponseWriter.
func (s *orderSpan) WriteHeader(status int) {
	if s.status == 0 && status >= http.StatusOK {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (s *orderSpan) Write(b []byte) (int, error) {
	s.status = cmp.Or(s.status, http.StatusOK)
	return s.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (s *orderSpan) Unwrap() http.ResponseWriter { return s.ResponseWriter }
