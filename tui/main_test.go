package tui

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// leakChecked is a run of tests that fails if a goroutine is left.
func leakChecked(m *testing.M) int {
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
