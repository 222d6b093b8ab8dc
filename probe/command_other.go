//go:build !unix

package probe

import "os/exec"

// group does nothing: where there are no process groups, the end of the context
// kills the command and leaves what it started.
func group(*exec.Cmd) {}

func killGroup(*exec.Cmd) bool { return false }
