//go:build unix

package probe

import (
	"os"
	"os/exec"
	"syscall"
)

// group puts the command and all that it starts into a process group of their
// own, which is killed as a whole when the context ends.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		if !killGroup(cmd) {
			return os.ErrProcessDone
		}
		return nil
	}
}

// killGroup kills what is left of the command's group, if anything is. While
// one of the group lives nothing else gets its number; after that, numbers are
// given out in turn, and this one's does not come again at once.
func killGroup(cmd *exec.Cmd) bool {
	return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) == nil
}
