package clustertest

import (
	"context"
	"encoding/json"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/alert/notify"
	"github.com/degenduel/switchgear/app"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/internal/testpg"
)

const (
	childEnv = "SWITCHGEAR_CLUSTERTEST_CHILD" // what a child serves, as JSON
	token    = "an-admin-token-of-the-tests"
)

// child is what a process that is a node is told.
type child struct {
	Settings config.Settings
	Config   string // the path of its config file
}

// TestMain lets a child process be a node.
func TestMain(m *testing.M) {
	told := os.Getenv(childEnv)
	if told == "" {
		goleak.VerifyTestMain(testpg.Main{M: m})
		return
	}
	var c child
	if err := json.Unmarshal([]byte(told), &c); err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := app.Serve(ctx, app.Options{
		Settings: c.Settings, ConfigPath: c.Config, Guard: notify.Guard, AdminToken: token, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	if err != nil {
		panic(err)
	}
}
