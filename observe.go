package switchgear

import "sync"

// maxUndelivered is how many notices an observer may be behind; above it the
// oldest go.
const maxUndelivered = 1024

// observer hands notices, one at a time and in order, to a function of the
// user's. Its goroutine lives only while there is something to hand over.
type observer[T any] struct {
	notify func(T)
	limit  int // of the queue, if it is more than maxUndelivered

	mu      sync.Mutex
	queue   []T
	running bool
	stopped bool
}

func (o *observer[T]) push(v T) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stopped {
		return
	}
	if len(o.queue) >= max(o.limit, maxUndelivered) {
		o.queue = o.queue[1:]
	}
	o.queue = append(o.queue, v)
	if !o.running {
		o.running = true
		go o.drain()
	}
}

func (o *observer[T]) drain() {
	for {
		o.mu.Lock()
		if len(o.queue) == 0 {
			o.running = false
			o.queue = nil
			o.mu.Unlock()
			return
		}
		v := o.queue[0]
		o.queue = o.queue[1:]
		o.mu.Unlock()
		o.deliver(v)
	}
}

// deliver calls the user's function. A panic in it ends with it: a breaker must
// not take a program down for what an onlooker did.
func (o *observer[T]) deliver(v T) {
	returned := false
	defer func() {
		if !returned && recover() == nil {
			go o.drain() // the function called runtime.Goexit, which ends this goroutine
		}
	}()
	o.notify(v)
	returned = true
}

func (o *observer[T]) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
	o.queue = nil
}

// observers are those of one kind of notice. The breaker's mutex guards the
// list, and is taken before an observer's own.
type observers[T any] []*observer[T]

func (l *observers[T]) add(notify func(T)) *observer[T] {
	o := &observer[T]{notify: notify}
	*l = append(*l, o)
	return o
}

func (l *observers[T]) remove(o *observer[T]) {
	for i, other := range *l {
		if other == o {
			*l = append((*l)[:i:i], (*l)[i+1:]...)
			break
		}
	}
	o.stop()
}

func (l observers[T]) push(v T) {
	for _, o := range l {
		o.push(v)
	}
}
