package webhook_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/degenduel/switchgear/alert/webhook"
)

// A program that takes alerts checks who they are from before it reads them.
func ExampleVerify() {
	const secret = "a secret of more than 16 bytes"
	handler := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "the body cannot be read", http.StatusBadRequest)
			return
		}
		if err := webhook.Verify(secret, r.Header.Get(webhook.SignatureHeader), body, time.Now(), 5*time.Minute); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		var m webhook.Payload
		if err := json.Unmarshal(body, &m); err != nil {
			http.Error(w, "the body is no JSON", http.StatusBadRequest)
			return
		}
		for _, a := range m.Alerts {
			fmt.Printf("%s %s: %s\n", m.Reason, a.Severity, a.Summary)
		}
	}

	body := `{"alerts":[{"severity":"critical","summary":"db is open"}],"reason":"firing"}`
	for _, key := range []string{secret, "a guess"} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set(webhook.SignatureHeader, webhook.Sign(key, []byte(body), time.Now()))
		w := httptest.NewRecorder()
		handler(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// firing critical: db is open
	// 200
	// 401
}
