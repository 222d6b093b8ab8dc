//go:build !unix || aix

package demo

import "os"

// terminalSize is zero: not known.
func terminalSize(*os.File) (width, height int) { return 0, 0 }
