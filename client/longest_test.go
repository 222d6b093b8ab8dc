package client

import (
	"fmt"
	"testing"
	"time"

	"github.com/degenduel/switchgear/wire"
)

func TestWatch_WaitsAsLongAsTheManagerSays(t *testing.T) {
	t.Parallel()
	for told, want := range map[string]time.Duration{
		``:                      longWait, // a manager of an earlier version
		`,"reconnect_ms":2000`:  2 * time.Second,
		`,"reconnect_ms":1`:     longWait,
		`,"reconnect_ms":90000`: longWait,
		`,"reconnect_ms":-5`:    longWait,
		`,"reconnect_ms":1000`:  time.Second,
	} {
		w := watch{tell: func(Update) {}, longest: time.Hour}
		data := fmt.Appendf(nil, `{"type":"connection:status","epoch":"e","seq":1%s}`, told)
		if err := w.take(Message{Type: wire.TypeConnectionStatus, Data: data}); err != nil {
			t.Fatal(err)
		}
		if w.longest != want {
			t.Errorf("told %q it waits %v, want %v", told, w.longest, want)
		}
	}
}
