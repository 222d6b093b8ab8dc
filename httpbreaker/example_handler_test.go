package httpbreaker_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/httpbreaker"
)

// A server that fails stops working on requests for a while, and tells its
// clients when to come again.
func ExampleHandler() {
	b, err := switchgear.New("reports", switchgear.Config{FailureThreshold: 2, ResetTimeout: 30 * time.Second, Jitter: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /report", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Println("working on it")
		http.Error(w, "the database is gone", http.StatusInternalServerError)
	})
	handler := &httpbreaker.Handler{Next: mux, Breaker: b}

	for range 3 {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/report", http.NoBody))
		fmt.Printf("%d, Retry-After %q\n", w.Code, w.Header().Get("Retry-After"))
	}
	// Output:
	// working on it
	// 500, Retry-After ""
	// working on it
	// 500, Retry-After ""
	// 503, Retry-After "30"
}
