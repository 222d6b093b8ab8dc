package alert

import (
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
)

// idDigits are enough for microseconds, in digits to base 32, until the year 3111.
const idDigits = 11

// ids gives IDs of which later ones are higher, also where the clock goes back.
type ids struct {
	mu   sync.Mutex
	last uint64
}

// next is an ID that is higher than all before it.
func (i *ids) next(now time.Time) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last = max(i.last+1, uint64(max(now.UnixMicro(), 0)))
	id := strconv.FormatUint(i.last, 32)
	return strings.Repeat("0", max(idDigits-len(id), 0)) + id
}

// moment is the time that an ID says: of its making, or later where the clock was
// set back before that. Zero: it is none of ours.
func moment(id string) time.Time {
	n, err := strconv.ParseUint(id, 32, 64)
	if err != nil || len(id) != idDigits || n > math.MaxInt64 {
		return time.Time{}
	}
	return time.UnixMicro(int64(n)).UTC()
}

// above makes all that follow higher than an ID that was given before.
func (i *ids) above(id string) {
	i.after(moment(id))
}

// after makes all that follow higher than the IDs of a moment.
func (i *ids) after(t time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last = max(i.last, uint64(max(t.UnixMicro(), 0)))
}
