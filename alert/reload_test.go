package alert_test

import (
	"context"
	"testing"
	"time"

	"github.com/degenduel/switchgear/alert"
)

func TestDeliver_AReceiverThatComesBackGetsWhatNobodyTried(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		time.Sleep(time.Second)
		tried := make(chan error, 1)
		ended := make(chan struct{})
		r.inbox.answers(func(m alert.Message) error {
			if m.Reason == alert.Test {
				<-ended // it has the receiver's turn meanwhile
			}
			return nil
		})
		go func() { tried <- r.TestReceiver(context.Background(), "ops", alice) }()
		r.fail("db", 5)
		time.Sleep(10 * time.Second)
		there := r.cfg.Receivers
		r.configure(func(cfg *rigConfig) { cfg.Receivers = nil })
		time.Sleep(time.Second)
		close(ended)
		if err := <-tried; err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		r.configure(func(cfg *rigConfig) { cfg.Receivers = there })
		time.Sleep(time.Minute)
		wantReasons(t, r, "test,firing")
	})
}
