// Package unwind tells why a function did not return.
package unwind

import "runtime"

// depth is how far above the deferred function the runtime is looked for: a
// method or two, and what the compiler puts around a deferred call.
const depth = 16

// Exiting reports that the deferred function that asks runs for a
// runtime.Goexit, and not for a panic. It looks who runs it instead of calling
// recover, for a panic that is recovered and raised again has lost its stack.
func Exiting() bool {
	var pcs [depth]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		switch frame.Function {
		case "runtime.Goexit":
			return true
		case "runtime.gopanic":
			return false
		}
		if !more {
			return false
		}
	}
}
