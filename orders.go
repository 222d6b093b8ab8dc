package switchgear

import (
	"fmt"
	"slices"
	"time"
)

// Reset closes the circuit and clears its counters, or, with to = HalfOpen,
// begins a recovery now. The totals stay. ErrOverridden refuses it while the
// mode is not auto.
func (b *Breaker) Reset(to State, by Order) error {
	if to != Closed && to != HalfOpen {
		return fmt.Errorf("switchgear: a reset goes to closed or half_open, not to %v", to)
	}
	b.lock()
	defer b.unlock()
	if b.mode() != Auto {
		return ErrOverridden
	}
	if to == Closed {
		b.closeCircuit(RuleReset, by)
	} else {
		b.beginRecovery(RuleReset, by, false)
	}
	return nil
}

// maxOverride is how far away the end of an override may be.
const maxOverride = 30 * maxDuration

// Validate returns a *ConfigError that names what an override lacks: a mode
// that forces, a reason, an actor, or an end that is in the future and at most
// 30 days away.
func (o Override) Validate(now time.Time) error {
	var e ConfigError
	if o.Mode != ForcedOpen && o.Mode != ForcedClosed {
		e.add("mode", "%q is not forced_open or forced_closed", o.Mode)
	}
	if o.Reason == "" {
		e.add("reason", "an override needs a reason")
	}
	if o.Actor == "" {
		e.add("actor", "an override needs an actor")
	}
	if ttl := o.Until.Sub(now); o.Until.IsZero() || ttl <= 0 || ttl > maxOverride {
		e.add("ttl_ms", "the end must be in 1 … %s", number(ms(maxOverride)))
	}
	return e.orNil()
}

// Override sets the mode until its end, in place of an override that there may
// be. The state below it stands still. The error is a *ConfigError that names
// what is missing.
func (b *Breaker) Override(o Override) error {
	if err := o.Validate(time.Now()); err != nil {
		return err
	}
	if err := b.member.own(); err != nil {
		return err
	}
	now := b.lock()
	defer b.unlock()
	b.setOverride(now, o, time.Until(o.Until))
	return nil
}

func (b *Breaker) setOverride(now int64, o Override, left time.Duration) {
	b.override, b.heldUntil, b.soon = &o, now+int64(left), false
	b.suspend()
}

// suspend tells operations of a mode other than auto. A recovery does not go
// on under it.
func (b *Breaker) suspend() {
	if b.recovery.Load() != nil {
		b.endRecovery()
		b.generation++
	}
	b.setRejected()
	b.setWord()
}

// EndOverride ends the override: forced_open goes to half-open, forced_closed
// to closed with a cleared window. Without one the error is ErrNoOverride.
func (b *Breaker) EndOverride(by Order) error {
	b.lock()
	defer b.unlock()
	if b.override == nil {
		return ErrNoOverride
	}
	b.endOverride(by, false)
	return nil
}

func (b *Breaker) endOverride(by Order, expired bool) {
	ended := *b.override
	b.override, b.heldUntil = nil, never
	if ended.Mode == ForcedOpen {
		b.beginRecovery(RuleOverrideEnded, by, false)
	} else {
		b.closeCircuit(RuleOverrideEnded, by)
	}
	if len(b.overrideEndsWatch) == 0 {
		return
	}
	after := b.snapshot()
	b.overrideEndsWatch.push(OverrideEnd{
		Service: b.name, Key: b.Key(), Override: ended, At: after.At, Expired: expired, After: &after,
	})
}

// Configure puts cfg in force and keeps everything: the state, the totals, the
// window, and the moment the circuit opened, from which the time left is
// reckoned anew. Nothing opens by it; the next failure is judged by the new
// rule. A bad config is refused whole, with a *ConfigError.
func (b *Breaker) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if err := b.member.own(); err != nil {
		return err
	}
	b.configure(cfg.rules())
	return nil
}

func (b *Breaker) configure(cfg rules) {
	now := b.lock()
	defer b.unlock()
	wasDisabled := b.config.Load().Disabled
	c, successes := b.stats(), b.roll(now)
	parts := c.window.parts(now, successes)
	b.setConfig(cfg)
	if span := int64(b.config.Load().MonitoringWindow); span != c.window.span {
		old := c.window
		c.window.fill(span, now, successes, parts)
		c.timings.turn = turnAt(now, time.Duration(span))
		if w := b.watching(); w != nil {
			w.rebucket(now, &old, &c.window)
		}
	}
	if b.state == Open {
		b.setUntil()
		b.setRejected()
	}
	switch {
	case b.override != nil:
	case cfg.config.Disabled && !wasDisabled:
		b.suspend()
	case !cfg.config.Disabled && wasDisabled:
		b.closeCircuit(RuleEnabled, Order{})
	}
	b.setWord()
	b.advance(now)
}

// rules are a Config as breakers have it. Nobody writes to them, so that the same
// will do for any number of breakers.
type rules struct {
	config *Config // resolved
	unset  fieldSet
}

func (c Config) rules() rules {
	r := c.resolved()
	if c.RecoverySteps != nil {
		r.RecoverySteps = slices.Clone(c.RecoverySteps)
	}
	return rules{&r, c.unset()}
}

func (b *Breaker) setConfig(cfg rules) {
	slow := noSlowRule
	if cfg.config.slowRule() {
		slow = int64(cfg.config.SlowCallDuration)
	}
	if b.slowFrom.Swap(slow) != slow {
		b.watcher.Store(nil) // what it has counted is of another rule
	}
	b.unset = cfg.unset
	b.config.Store(cfg.config)
}

// fieldSet is a set of fields of a Config, by their places in wireFields.
type fieldSet uint32

// unset are the fields that have their defaults.
func (c *Config) unset() (set fieldSet) {
	for i, f := range wireFields {
		switch v := f.get(c).(type) {
		case float64:
			if v == 0 {
				set |= 1 << i
			}
		case []float64:
			if v == nil {
				set |= 1 << i
			}
		}
	}
	return set
}

// given is the opposite of Resolved: a breaker keeps one Config, not two.
func (c Config) given(unset fieldSet) Config {
	c.RecoverySteps = slices.Clone(c.RecoverySteps)
	for i, f := range wireFields {
		if unset>>i&1 == 1 {
			f.clear(&c)
		} else if f.get(&c) == 0.0 {
			f.set(&c, []byte("0"))
		}
	}
	return c
}
