package fleet

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Run does the manager's work until ctx ends: it then stops the services that
// the manager made, writes what is not written, and returns nil, or the store's
// error if something could not be written. With a store or a health check that
// hangs this takes five seconds or so. After Close it returns nil at once. It is
// called once.
func (m *Manager) Run(ctx context.Context) error {
	mine := false
	m.ending.Do(func() { mine = true })
	if !mine {
		return nil // it was closed
	}
	defer close(m.done)
	// What is being written when ctx ends is still written, if it does not take
	// too long.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(shutdownTimeout, stop) })()
	if m.cluster != nil {
		return m.runClustered(ctx, work)
	}
	m.begin()
	refresh := time.NewTicker(refreshInterval)
	defer refresh.Stop()
	flush := time.NewTicker(m.cfg.FlushInterval)
	defer flush.Stop()
	for {
		m.waiting.Store(int64(len(m.backlog)))
		select {
		case c := <-m.changes:
			m.process(work, m.gather(c))
		case <-refresh.C:
			m.retryBacklog(work)
			m.writeRefusals(work, false)
			m.refresh(work)
		case <-flush.C:
			m.flush(work)
		case <-ctx.Done():
			return m.shutdown(work)
		}
	}
}

// begin starts the services that came back with the store.
func (m *Manager) begin() {
	m.running = true
	for _, s := range m.all() {
		s.guard.Start()
		m.mu.Lock()
		m.show(s)
		m.mu.Unlock()
	}
}

func (m *Manager) shutdown(ctx context.Context) error {
	m.mu.Lock()
	m.stopping = true
	m.mu.Unlock()
	all := m.all()
	m.stopServices(ctx, all)
	m.hearOut(ctx, all)
	for _, s := range all {
		s.unobserve()
	}
	for len(m.changes) > 0 {
		m.process(ctx, m.gather(<-m.changes))
	}
	m.storeRetry = time.Time{}
	m.retryBacklog(ctx)
	m.flush(ctx)
	m.writeRefusals(ctx, true)
	if m.unsure != nil {
		m.wasNotWritten(m.unsure) // or was: the next start will see
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.storeErr
}

// stopServices stops those that the manager made, and waits for all that were
// stopped before.
func (m *Manager) stopServices(ctx context.Context, all []*member) {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	var stopping sync.WaitGroup
	for _, s := range all {
		if !s.own {
			continue
		}
		stopping.Go(func() {
			if err := s.service.Stop(ctx); err != nil {
				m.log.WarnContext(ctx, "a health check did not end", slog.String("service", s.name), slog.Any("error", err))
			}
			s.closeProbe()
		})
	}
	stopping.Wait()
	m.retiring.Wait()
}

// Close ends a manager whose Run was not called: it stops what came back with
// the store, and writes nothing. During Run and after it, it does nothing.
func (m *Manager) Close() {
	m.ending.Do(func() {
		close(m.done)
		m.partBus()
		all := m.all()
		m.stopServices(context.Background(), all)
		for _, s := range all {
			s.unobserve()
		}
	})
}

// hearOutTimeout is how long a stopping manager waits for what has happened to
// reach it.
const hearOutTimeout = time.Second

// hearOut takes in the transitions that are on their way from the breakers.
func (m *Manager) hearOut(ctx context.Context, all []*member) {
	ctx, cancel := context.WithTimeout(ctx, hearOutTimeout)
	defer cancel()
	untold := func(s *member) bool { return s.guard.Snapshot().Transitions > s.number }
	for slices.ContainsFunc(all, untold) {
		select {
		case c := <-m.changes:
			m.process(ctx, m.gather(c))
		case <-ctx.Done():
			return
		}
	}
}
