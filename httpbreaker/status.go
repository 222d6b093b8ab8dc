package httpbreaker

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/degenduel/switchgear"
)

// maxWait bounds what a Retry-After may say; the breaker has a bound of its own
// below it.
const maxWait = 24 * time.Hour

// ByStatus is how an answer is judged where no Classify does it: 5xx and 429
// Too Many Requests are failures, everything else is a success.
func ByStatus(status int) switchgear.Outcome {
	if status >= 500 || status == http.StatusTooManyRequests {
		return switchgear.Failure
	}
	return switchgear.Success
}

// StatusError is the failure that an answer is, as the breaker is told of it:
// its Config.Classify may meet one.
type StatusError struct {
	StatusCode int

	wait time.Duration
}

// Error is the status in words, such as 503 Service Unavailable.
func (e *StatusError) Error() string {
	if text := http.StatusText(e.StatusCode); text != "" {
		return strconv.Itoa(e.StatusCode) + " " + text
	}
	return "status " + strconv.Itoa(e.StatusCode)
}

// RetryAfter is how long the answer asked to wait; 0: it did not. At most 24 h.
func (e *StatusError) RetryAfter() time.Duration { return e.wait }

var (
	errNoBreaker = errors.New("httpbreaker: neither Breaker nor For is set")
	errNothing   = errors.New("the round tripper gave neither an answer nor an error")
	errPanicked  = errors.New("the round trip panicked")
	errUnasked   = errors.New("101 Switching Protocols, which was not asked for")

	// errHookPanicked is of the functions that a Transport was given.
	errHookPanicked = errors.New("the Classify or EndsAtHeader panicked")

	// errByStatus is the outcome of an answer that Classify calls ignored.
	errByStatus = switchgear.Ignore(errors.New("ignored by its status"))
	// errGone is the outcome of what the caller has given up.
	errGone = switchgear.Ignore(errors.New("the caller has gone"))
	// errLate is the outcome of what was to show that a server is well, and whose
	// caller took all the time for it.
	errLate = switchgear.Ignore(errors.New("the caller was late with the body of the request"))
)

// outcomeOf is what the breaker is told of an answer.
func outcomeOf(judged switchgear.Outcome, status int, retryAfter, date string) error {
	switch judged {
	case switchgear.Success:
		return nil
	case switchgear.Ignored:
		return errByStatus
	case switchgear.Failure:
	}
	return &StatusError{StatusCode: status, wait: waitOf(retryAfter, date)}
}

// waitOf reads a Retry-After, which is a number of seconds or a date; date is
// the answer's own Date, if it has one.
func waitOf(retryAfter, date string) time.Duration {
	retryAfter = strings.TrimSpace(retryAfter)
	if retryAfter == "" {
		return 0
	}
	seconds, err := strconv.ParseUint(retryAfter, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(maxWait/time.Second))) * time.Second
	}
	until, err := http.ParseTime(retryAfter)
	if err != nil {
		return 0
	}
	from, err := http.ParseTime(date)
	if err != nil {
		from = time.Now()
	}
	return min(max(until.Sub(from), 0), maxWait)
}
