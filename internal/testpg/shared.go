//go:build unix

package testpg

import (
	"slices"
	"sync"
	"testing"
)

// shared is the server of a package's tests.
var shared struct {
	sync.Mutex

	server *Server
	asked  bool
	undo   []func()
}

// Shared is a server for all tests of the package, whose TestMain ends it by
// [Main]; as [Start] is otherwise. Settings are those of whoever asks first.
func Shared(tb testing.TB, settings ...string) (s *Server, ok bool) {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && !shared.asked {
		shared.server, _ = start(lasting{tb}, settings...)
		shared.asked = true
	}
	return shared.server, shared.server != nil
}

// lasting is a test whose cleanups are those of all.
type lasting struct{ testing.TB }

// Cleanup implements [testing.TB].
func (lasting) Cleanup(f func()) { shared.undo = append(shared.undo, f) }

// Main is a package's tests, with the server that they share.
type Main struct{ M interface{ Run() int } }

// Run runs the tests and ends the server.
func (m Main) Run() int {
	code := m.M.Run()
	shared.Lock()
	defer shared.Unlock()
	for _, f := range slices.Backward(shared.undo) {
		f()
	}
	shared.undo = nil
	return code
}
