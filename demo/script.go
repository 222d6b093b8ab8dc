package demo

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

const (
	// calm is the pause before each act, and after what is to be looked at. It
	// is scaled.
	calm = 40 * time.Second

	// patience is how long an act waits for what it has announced. Whoever
	// watches may have ordered something else meanwhile. It is not scaled.
	patience = 30 * time.Second
)

// act is a part of the script.
type act struct {
	title string
	watch string // what will be seen
	play  func(*script, context.Context)
}

// acts are the script, with the durations that it names as they are in the
// demo.
func acts(t tempo) []act {
	return []act{
		{
			"market_data_service answers 500, while its /health says that all is well",
			fmt.Sprintf("The 3rd failure opens the circuit. After %s a recovery begins: the health check passes, "+
				"the first operation let in fails, and it opens again, twice as long. Repaired, it recovers by steps: "+
				"5%%, 20%%, 50%% of the traffic, then all.", short(t.of(30*time.Second))),
			(*script).failAndRecover,
		},
		{
			"token_sync_service hangs: it takes requests and never answers",
			fmt.Sprintf("Callers give up after %s; the 5th time-out opens the circuit, and from then on nobody waits. "+
				"market_data_service, which depends on it, is degraded. The first recovery ends with its health check.", short(t.of(clientTimeout))),
			(*script).hang,
		},
		{
			"contest_evaluation_service resets every connection",
			fmt.Sprintf("It puts up with more: the 10th failure opens it, for %s. It is repaired while it is open; "+
				"nothing happens before the open time is over, and then it recovers over %s.", short(t.of(120*time.Second)), short(t.of(180*time.Second))),
			(*script).resetConnections,
		},
		{
			"achievement_service grows slow: every answer comes, but late",
			fmt.Sprintf("Nothing fails. Its p95 rises, and when half of the operations in its window took %s, "+
				"the slow-call rule opens the circuit.", short(t.of(slowCall))),
			(*script).growSlow,
		},
		{
			"contest_wallet_service fails, and an administrator steps in",
			fmt.Sprintf("It opens, is repaired, and is closed at once by hand, over REST. Then vanity_wallet_service is held open "+
				"for maintenance: the override ends by itself after %s, and the service has to prove itself.", short(t.of(100*time.Second))),
			(*script).stepIn,
		},
		{
			"solana_rpc_service and level_service fail, and nobody calls them from here",
			"The manager's own probe opens the first, and what its program reports over REST opens the second. " +
				"Both recover: by health checks, and by the reported operations that the manager advises.",
			(*script).failOutside,
		},
	}
}

// script brings about the faults, one act after the other.
type script struct {
	speed   tempo
	players map[string]*player
	manager *fleet.Manager
	remote  *remote
	news    <-chan struct{} // told when a service has changed
	tell    func(format string, args ...any)
	begin   func(number int, a act)
}

// run plays all acts, again and again, until ctx ends.
func (s *script) run(ctx context.Context) {
	for ctx.Err() == nil {
		for i, a := range acts(s.speed) {
			if !s.rest(ctx) {
				return
			}
			s.begin(i+1, a)
			a.play(s, ctx)
		}
	}
}

func (s *script) failAndRecover(ctx context.Context) {
	const name = "market_data_service"
	s.inflict(name, failingWork)
	s.await(ctx, name, reopened)
	s.heal(name)
	s.await(ctx, name, closed)
}

func (s *script) hang(ctx context.Context) {
	const name = "token_sync_service"
	s.inflict(name, hanging)
	s.await(ctx, name, reopened)
	s.heal(name)
	s.await(ctx, name, closed)
}

func (s *script) resetConnections(ctx context.Context) {
	const name = "contest_evaluation_service"
	s.inflict(name, resetting)
	s.await(ctx, name, opened)
	s.rest(ctx)
	s.heal(name)
	s.await(ctx, name, closed)
}

func (s *script) growSlow(ctx context.Context) {
	const name = "achievement_service"
	s.inflict(name, slow)
	s.await(ctx, name, opened)
	s.heal(name)
	s.await(ctx, name, closed)
}

func (s *script) stepIn(ctx context.Context) {
	const failed, maintained = "contest_wallet_service", "vanity_wallet_service"
	s.inflict(failed, failing)
	s.await(ctx, failed, opened)
	s.rest(ctx)
	s.heal(failed)
	s.order(ctx, http.MethodPost, failed+"/reset", wire.ResetRequest{Reason: "the disk has been replaced"})
	s.await(ctx, failed, closed)
	s.rest(ctx)
	s.order(ctx, http.MethodPut, maintained+"/override", wire.OverrideRequest{
		Mode: switchgear.ForcedOpen.String(), Reason: "maintenance",
		TTLMs: float64(s.speed.of(100*time.Second)) / float64(time.Millisecond),
	})
	s.await(ctx, maintained, func(v *fleet.View) bool { return v.Breaker.Mode == switchgear.Auto && closed(v) })
}

func (s *script) failOutside(ctx context.Context) {
	both := []string{"solana_rpc_service", "level_service"}
	for _, name := range both {
		s.inflict(name, failing)
	}
	for _, name := range both {
		s.await(ctx, name, opened)
		s.heal(name)
	}
	for _, name := range both {
		s.await(ctx, name, closed)
	}
}

func (s *script) inflict(name string, f fault) { s.players[name].upstream.inflict(f) }

func (s *script) heal(name string) {
	s.inflict(name, well)
	s.tell("%s is repaired", name)
}

// order asks the manager for something, as an administrator does.
func (s *script) order(ctx context.Context, method, path string, body any) {
	if err := s.remote.call(ctx, method, path, body, nil); err != nil && ctx.Err() == nil {
		s.tell("the order was refused: %v", err)
	}
}

// What an act waits for.

func opened(v *fleet.View) bool { return v.Breaker.State == switchgear.Open }
func closed(v *fleet.View) bool { return v.Breaker.State == switchgear.Closed }

// reopened is a circuit whose recovery has failed.
func reopened(v *fleet.View) bool { return opened(v) && v.Breaker.RecoveryAttempts > 0 }

// await waits until a service is as wanted, or patience or ctx is at its end.
func (s *script) await(ctx context.Context, name string, wanted func(*fleet.View) bool) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		v, err := s.manager.Service(name)
		if err != nil || wanted(&v) {
			return // one that somebody removed has nothing to show
		}
		select {
		case <-s.news:
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// rest lets a while pass; false: ctx has ended.
func (s *script) rest(ctx context.Context) bool {
	timer := time.NewTimer(s.speed.of(calm))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
