//go:build unix && !aix

package demo

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminalSize is zero where f is no terminal.
func terminalSize(f *os.File) (width, height int) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(size.Col), int(size.Row)
}
