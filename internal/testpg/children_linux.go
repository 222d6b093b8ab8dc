package testpg

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// childrenOf are the processes that the process has started.
func childrenOf(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		text, err := os.ReadFile(file) //nolint:gosec // the kernel's
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may hold anything; then come state and parent.
		after := string(text[strings.LastIndexByte(string(text), ')')+1:])
		fields := strings.Fields(after)
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
