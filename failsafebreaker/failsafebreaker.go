package failsafebreaker

import (
	"context"
	"errors"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/common"
	"github.com/failsafe-go/failsafe-go/policy"

	"github.com/degenduel/switchgear"
)

// Options change what is counted. The zero Options are good.
type Options[R any] struct {
	// Classify says what a result and its error mean; nil: an error is judged
	// by the breaker, everything else is a success. What it calls a failure
	// the breaker's own Config.Classify may still judge otherwise.
	Classify func(result R, err error) switchgear.Outcome
}

// Policy is a breaker as a failsafe.Policy for executions with the result R. It
// is safe for concurrent use, and may be part of several pipelines. A
// Policy[any] can be composed with pipelines of every result, by ComposeAny.
type Policy[R any] struct {
	breaker *switchgear.Breaker
	options Options[R]
}

var _ failsafe.ResultAgnosticPolicy[any] = (*Policy[any])(nil)

// New makes a policy of the breaker.
func New[R any](b *switchgear.Breaker) *Policy[R] { return &Policy[R]{breaker: b} }

// NewWithOptions makes a policy of the breaker that judges by the options.
func NewWithOptions[R any](b *switchgear.Breaker, o Options[R]) *Policy[R] {
	return &Policy[R]{b, o}
}

// ResultAgnostic marks that the policy makes no results of its own.
func (p *Policy[R]) ResultAgnostic() {}

// ToExecutor is for failsafe-go: it answers with a policy.Executor[R].
func (p *Policy[R]) ToExecutor(R) any {
	e := &executor[R]{policy: p}
	e.Executor = e
	return e
}

// RetryDelay is a failsafe.DelayFunc for a retry policy: where the last attempt
// was rejected, or its error says by a method RetryAfter() time.Duration how long
// to wait, it is that wait; otherwise it is -1, which leaves the delay to the
// policy's other settings. The wait may be long: bound it by the retry policy's
// WithMaxDuration or the context's deadline.
func RetryDelay[R any](attempt failsafe.ExecutionAttempt[R]) time.Duration {
	var asks interface{ RetryAfter() time.Duration }
	if err := attempt.LastError(); err != nil && errors.As(err, &asks) {
		return asks.RetryAfter()
	}
	return -1
}

// errResult is the failure of a result that came without an error.
var errResult = errors.New("failsafebreaker: the result was judged a failure")

// executor runs one execution through the breaker.
type executor[R any] struct {
	policy.BaseExecutor[R]

	policy *Policy[R]
}

// Apply is what failsafe-go calls.
func (e *executor[R]) Apply(inner func(failsafe.Execution[R]) *common.PolicyResult[R]) func(failsafe.Execution[R]) *common.PolicyResult[R] {
	return func(exec failsafe.Execution[R]) *common.PolicyResult[R] {
		var result *common.PolicyResult[R]
		_, err := switchgear.Do(exec.Context(), e.policy.breaker, func(context.Context) (struct{}, error) {
			result = inner(exec)
			return struct{}{}, heed(exec, e.policy.judge(result))
		})
		switch {
		case result == nil:
			return &common.PolicyResult[R]{Error: err, Done: true}
		case err == nil:
			return result.WithDone(true, true)
		}
		return result.WithFailure()
	}
}

// heed is what the breaker is to hear of an execution that was canceled from
// outside, by its caller or by a policy: nothing, whatever the error says. It
// need not wrap context.Canceled, as a gRPC status of that name does not.
func heed[R any](exec failsafe.Execution[R], heard error) error {
	if heard != nil && errors.Is(exec.Context().Err(), context.Canceled) {
		return switchgear.Ignore(heard)
	}
	return heard
}

// judge is what the breaker is to hear of the result.
func (p *Policy[R]) judge(r *common.PolicyResult[R]) error {
	if p.options.Classify == nil {
		return r.Error
	}
	heard := r.Error
	if heard == nil {
		heard = errResult
	}
	switch p.options.Classify(r.Result, r.Error) {
	case switchgear.Success:
		return nil
	case switchgear.Ignored:
		return switchgear.Ignore(heard)
	case switchgear.Failure:
	}
	return heard
}
