//go:build unix && !linux

package testpg

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
)

// childrenOf are the processes that the process has started.
func childrenOf(parent int) (pids []int) {
	out, err := exec.CommandContext(context.Background(), "ps", "-axo", "pid=,ppid=").Output()
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		if pid, err := strconv.Atoi(fields[0]); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
