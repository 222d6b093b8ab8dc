//go:build !unix

package testpg

import "testing"

// Server is a PostgreSQL server; here there is none.
type Server struct{}

// Start says that there is no server.
func Start(tb testing.TB) (s *Server, ok bool) {
	tb.Helper()
	tb.Log("PostgreSQL is not started on this system: what needs it is not tested")
	return nil, false
}

// StartOwn says that there is no server.
func StartOwn(tb testing.TB, _ ...string) (s *Server, ok bool) {
	tb.Helper()
	return Start(tb)
}

// Shared says that there is no server.
func Shared(tb testing.TB, _ ...string) (s *Server, ok bool) {
	tb.Helper()
	return Start(tb)
}

// Database is never called.
func (*Server) Database(testing.TB) string { return "" }

// Kill is never called.
func (*Server) Kill() {}

// Freeze is never called.
func (*Server) Freeze() {}

// Thaw is never called.
func (*Server) Thaw() {}

// Restart is never called.
func (*Server) Restart() {}

// Main is a package's tests.
type Main struct{ M interface{ Run() int } }

// Run runs the tests.
func (m Main) Run() int { return m.M.Run() }
