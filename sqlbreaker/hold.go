package sqlbreaker

import (
	"sync"
	"time"
)

// followWithin is how long an operation waits for what follows it. database/sql
// goes on at once; only who has taken an sql.Conn may think about it.
const followWithin = 50 * time.Millisecond

// hold is an operation between two calls of its connection. Calls come from one
// goroutine at a time, the end of the wait from another.
type hold struct {
	mu   sync.Mutex
	op   *operation
	wait *time.Timer
}

// put holds the operation, for take to go on with; if that does not come in time
// it has been followed by nothing.
func (h *hold) put(op *operation) {
	op.kept = true
	h.mu.Lock()
	defer h.mu.Unlock()
	h.op = op
	h.wait = time.AfterFunc(followWithin, func() { h.end(op) })
}

// take is the operation held, if there is one.
func (h *hold) take() *operation {
	h.mu.Lock()
	defer h.mu.Unlock()
	op := h.op
	if op != nil {
		h.op = nil
		h.wait.Stop()
		op.kept = false
	}
	return op
}

// end ends the operation, if it is held still.
func (h *hold) end(op *operation) {
	h.mu.Lock()
	held := h.op == op
	if held {
		h.op = nil
	}
	h.mu.Unlock()
	if held {
		op.endUnused()
	}
}

// drop ends what is held.
func (h *hold) drop() {
	if op := h.take(); op != nil {
		op.endUnused()
	}
}
