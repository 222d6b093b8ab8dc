package webhook_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/alert/webhook"
)

func TestVerify_TakesOnlyWhatTheSecretSignedNow(t *testing.T) {
	t.Parallel()
	const body = `{"alerts":[]}`
	now := time.Unix(1_772_330_584, 0)
	// Made with: printf '1772330584.{"alerts":[]}' | openssl dgst -sha256 -hmac 'a secret of more than 16 bytes'
	const sum = "1de30de0a130f60b46e8471c53e7de5c3c880c2b4e71bbfe954c96b03df14ad3"
	good := "t=1772330584,v1=" + sum
	for _, tc := range []struct {
		name, secret, header, body string
		now                        time.Time
		why                        string // empty: it is good
	}{
		{"as it was made", secret, good, body, now, ""},
		{"at the end of its time", secret, good, body, now.Add(5 * time.Minute), ""},
		{"of a clock that is ahead", secret, good, body, now.Add(-5 * time.Minute), ""},
		{"of two secrets, in another order", secret, "v1=00,v2=x, v1=" + strings.ToUpper(sum) + ", t=1772330584", body, now, ""},
		{"too old", secret, good, body, now.Add(5*time.Minute + time.Second), "it is of 2026-03-01T02:03:04Z"},
		{"too far ahead", secret, good, body, now.Add(-5*time.Minute - time.Second), "it is of 2026-03-01T02:03:04Z"},
		{"made younger", secret, strings.Replace(good, "584", "585", 1), body, now, "it is of another body or secret"},
		{"another body", secret, good, body + " ", now, "it is of another body or secret"},
		{"another secret", secret + "x", good, body, now, "it is of another body or secret"},
		{"no secret", "", good, body, now, "there is no secret to check it with"},
		{"none", secret, "", body, now, "it is missing, or too long"},
		{"a long one", secret, good + strings.Repeat(",v1=00", 1000), body, now, "it is missing, or too long"},
		{"no time", secret, "v1=" + sum, body, now, "it has not one time and a sum"},
		{"two times", secret, "t=1," + good, body, now, "it has not one time and a sum"},
		{"no sum", secret, "t=1772330584", body, now, "it has not one time and a sum"},
		{"an empty sum", secret, "t=1772330584,v1=", body, now, "it is of another body or secret"},
		{"half a sum", secret, good[:len(good)-32], body, now, "it is of another body or secret"},
		{"no hexadecimal", secret, "t=1772330584,v1=zz", body, now, "it is of another body or secret"},
		{"another version", secret, "t=1772330584,v0=" + sum, body, now, "it has not one time and a sum"},
		{"no number", secret, "t=x,v1=8575c092a9a30eec32690ee0054ae4263abb083769745c963e49a6890469b826", body, now, "its time is no number"},
	} {
		err := webhook.Verify(tc.secret, tc.header, []byte(tc.body), tc.now, 5*time.Minute)
		switch {
		case tc.why == "" && err != nil:
			t.Errorf("%s: %v", tc.name, err)
		case tc.why != "" && (!errors.Is(err, webhook.ErrSignature) || !strings.Contains(err.Error(), tc.why)):
			t.Errorf("%s: got %v, want that %s", tc.name, err, tc.why)
		}
	}
	if got := webhook.Sign(secret, []byte(body), now); got != good {
		t.Errorf("got %s, want %s", got, good)
	}
}
