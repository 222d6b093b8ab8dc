package metrics

import (
	"encoding/hex"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

// The metrics of a Keyed beside those that every breaker has.
var (
	keys            = desc("keys", "Keys that are known, by the state of their breakers.", "service", "state")
	keysGone        = desc("keys_gone_total", "Keys that went, to make room for others or by hand.", "how", "service")
	keysOverflowed  = desc("keys_overflowed_total", "How often there was no room for a key.", "service")
	keyEdges        = desc("keys_transitions_total", "Changes of state of the keys' breakers.", "from", "service", "to")
	keyStates       = desc("key_circuit_state", "1 for the state that the key's circuit is in, 0 for the others.", "key", "service", "state")
	keyOperations   = desc("key_operations_total", "Operations of the key that ended, by outcome.", "key", "outcome", "service")
	keyRejections   = desc("key_rejections_total", "Operations that the key's own breaker did not let in.", "key", "service")
	allStateNumbers = [...]switchgear.State{switchgear.Closed, switchgear.Open, switchgear.HalfOpen}
	_               = prometheus.Collector(keyed{})
)

// KeyedConfig is what a collector of a Keyed tells.
type KeyedConfig struct {
	// WithoutKeys leaves out what is told of each key: the number of series does
	// not depend on the keys then.
	WithoutKeys bool
}

// NewKeyed makes a collector of a Keyed. Under the names of every breaker are the
// sums over all keys (operations, durations, and the rejections, the parent's
// among them) and the state, transitions and override of the parent. Beside that
// each key has seven series, the states, the outcomes and the rejections of its
// breaker, which go when the key goes: at most 7 × MaxKeys at a time, and over the
// time as many as keys come. Where keys are of somebody else's making, such as
// tenants by the ten thousand, leave them out.
//
// A scrape asks every key's breaker. A key that is not UTF-8 is shown in
// hexadecimal digits after "0x", and not at all while that is another key. It describes nothing beforehand, so that a registry
// takes one for each Keyed, and beside New's; the same service twice makes every
// scrape fail.
func NewKeyed(k *switchgear.Keyed, cfg KeyedConfig) prometheus.Collector { return keyed{k, cfg} }

type keyed struct {
	*switchgear.Keyed

	cfg KeyedConfig
}

// Describe implements prometheus.Collector.
func (keyed) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (k keyed) Collect(out chan<- prometheus.Metric) {
	s, name := newSink(out), k.Name()
	all := k.Snapshot()
	sum := measures(k.Parent())
	sum.Operations, sum.Counts.Rejections, sum.Counts.Durations = all.Operations, all.Rejections, all.Durations
	sum.Exemplars = k.Exemplars()
	s.breakers([]fleet.ServiceMeasures{sum})
	for i, n := range []int{all.Keys - all.Open - all.HalfOpen, all.Open, all.HalfOpen} {
		s.gauge(keys, float64(n), name, allStateNumbers[i].String())
	}
	s.counter(keysGone, all.Evicted, "evicted", name)
	s.counter(keysGone, all.Removed, "removed", name)
	s.counter(keysOverflowed, all.Overflowed, name)
	for _, from := range allStateNumbers {
		for _, to := range allStateNumbers {
			if n := all.Transitions[from][to]; n > 0 || from != to {
				s.counter(keyEdges, n, from.String(), name, to.String())
			}
		}
	}
	if k.cfg.WithoutKeys {
		return
	}
	digits := map[string]*switchgear.Breaker{} // those that no label can show as they are
	for key, b := range k.All() {
		if !utf8.ValidString(key) {
			digits["0x"+hex.EncodeToString([]byte(key))] = b
		}
	}
	for key, b := range k.All() {
		if utf8.ValidString(key) {
			delete(digits, key)
			s.key(name, key, b)
		}
	}
	for label, b := range digits {
		s.key(name, label, b)
	}
}

// key tells what is told of each key.
func (s *sink) key(service, label string, b *switchgear.Breaker) {
	o, is := b.Operations(), b.State()
	for _, state := range byName {
		s.gauge(keyStates, number(is == state), label, service, state.String())
	}
	s.counter(keyOperations, o.Failed, label, switchgear.Failure.String(), service)
	s.counter(keyOperations, o.Ignored, label, switchgear.Ignored.String(), service)
	s.counter(keyOperations, o.Successful, label, switchgear.Success.String(), service)
	s.counter(keyRejections, o.Rejected, label, service)
}
