package switchgear

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails where a test leaves a goroutine behind: no breaker has one of
// its own.
func TestMain(m *testing.M) {
	flag.Parse()
	// A failure prints the seed that repeats it; files would only lie about.
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
