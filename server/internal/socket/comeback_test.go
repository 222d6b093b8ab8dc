package socket_test

import (
	"testing"
	"time"

	"github.com/degenduel/switchgear/server/internal/socket"
)

func TestComeBack_IsLongerTheMoreThereAre(t *testing.T) {
	t.Parallel()
	for peers, want := range map[int]time.Duration{
		0: 2 * time.Second, 1000: 2 * time.Second, 5000: 10 * time.Second, 15_000: 30 * time.Second, 1_000_000: 30 * time.Second,
	} {
		if got := socket.ComeBack(peers); got != want {
			t.Errorf("%d peers come back within %v, want %v", peers, got, want)
		}
	}
}
