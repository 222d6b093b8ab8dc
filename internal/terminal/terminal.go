// Package terminal asks the terminal that a program writes to, if it does.
package terminal

import "os"

// Size is how many columns and lines there are. Both are 0 if f is no terminal,
// is one that cannot move its cursor (TERM=dumb), or does not say.
func Size(f *os.File) (width, height int) {
	if os.Getenv("TERM") == "dumb" {
		return 0, 0
	}
	return size(f)
}
