package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrSignature is that a message is not from who has the secret, or is not of
// now.
var ErrSignature = errors.New("the signature is not good")

// Sign is the signature of a body at a moment.
func Sign(secret string, body []byte, at time.Time) string {
	moment := strconv.FormatInt(at.Unix(), 10)
	return "t=" + moment + ",v1=" + hex.EncodeToString(sum(secret, moment, body))
}

func sum(secret, moment string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(moment)) // a hash never fails
	mac.Write([]byte{'.'})
	mac.Write(body)
	return mac.Sum(nil)
}

// maxSignature is more than any that is made, in bytes.
const maxSignature = 4096

// Verify checks the header Switchgear-Signature of a message against the bytes of
// its body, as they came. What was signed further from now than tolerance, some
// minutes, is refused, so that nobody can send it again later. The error is
// ErrSignature. Keys of the header other than t and v1 are left alone, and of
// several v1 one must be good, so that there can be other signatures one day.
func Verify(secret, header string, body []byte, now time.Time, tolerance time.Duration) error {
	if secret == "" {
		return fmt.Errorf("%w: there is no secret to check it with", ErrSignature)
	}
	if header == "" || len(header) > maxSignature {
		return fmt.Errorf("%w: it is missing, or too long", ErrSignature)
	}
	var moments, sums []string
	for part := range strings.SplitSeq(header, ",") {
		switch key, value, _ := strings.Cut(strings.TrimSpace(part), "="); key {
		case "t":
			moments = append(moments, value)
		case "v1":
			sums = append(sums, value)
		}
	}
	if len(moments) != 1 || len(sums) == 0 {
		return fmt.Errorf("%w: it has not one time and a sum", ErrSignature)
	}
	want := sum(secret, moments[0], body)
	good := false
	for _, s := range sums {
		got, err := hex.DecodeString(s)
		good = err == nil && hmac.Equal(got, want) || good
	}
	if !good {
		return fmt.Errorf("%w: it is of another body or secret", ErrSignature)
	}
	seconds, err := strconv.ParseInt(moments[0], 10, 64)
	if err != nil {
		return fmt.Errorf("%w: its time is no number", ErrSignature)
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return fmt.Errorf("%w: it is of %s", ErrSignature, time.Unix(seconds, 0).UTC().Format(time.RFC3339))
	}
	return nil
}
