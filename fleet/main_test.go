package fleet_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crowdEnv); dir != "" {
		fmt.Fprintln(os.Stderr, joinOnAndOn(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
