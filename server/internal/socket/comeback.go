package socket

import "time"

// ComeBack is the longest that one of so many peers is to wait between two tries
// to come back when this server is gone: a thousand of them come within 2 s, and
// 15 000, at two milliseconds each, within half a minute.
func ComeBack(peers int) time.Duration {
	return min(max(time.Duration(peers)*2*time.Millisecond, 2*time.Second), 30*time.Second)
}
