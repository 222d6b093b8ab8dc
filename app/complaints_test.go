package app

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestComplaints_AreOneInFiveMinutesWithTheNumberOfTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		c := newComplaints(slog.New(slog.NewTextHandler(&log, nil)))
		for range 600 {
			c.of(errors.New("nobody is there"))
			c.of(nil)
			time.Sleep(time.Second)
		}
		c.of(errors.New(strings.Repeat("é", 1000)))
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], "unsaid=0") || !strings.Contains(lines[1], "unsaid=299") || len(lines[2]) > 600 {
			t.Errorf("the log says\n%s", log.String())
		}
	})
}
