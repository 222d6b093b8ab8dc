package wire

import (
	"fmt"
	"strings"
)

// MaxReason is how long the reason of an order may be, in bytes.
const MaxReason = 1024

// CheckReason is what is wrong with the reason of an order, or nothing: it is
// too long, or has control characters other than tab and line end.
func CheckReason(reason string) string {
	if len(reason) > MaxReason {
		return fmt.Sprintf("%d bytes are more than %d", len(reason), MaxReason)
	}
	if strings.ContainsFunc(reason, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) {
		return "it has a control character"
	}
	return ""
}
