package demo

import (
	"time"

	"github.com/degenduel/switchgear"
)

// joins is how a service gets to the manager.
type joins uint8

const (
	embedded joins = iota // a switchgear.Service of this process, with traffic
	probed                // the manager asks its health
	reported              // it posts what came of its operations
)

// part is what one service plays. Its durations are those of real life, before
// they are scaled.
type part struct {
	name, layer, description string

	dependencies []string
	config       switchgear.Config
	latency      time.Duration // of an answer; this one is not scaled
	joins        joins
}

// The durations of real life that are in no breaker's config.
const (
	clientTimeout = 10 * time.Second // of a request
	checkTimeout  = 10 * time.Second // of a health check
	slowAnswer    = 6 * time.Second  // what an upstream takes when it is slow
	slowCall      = 4 * time.Second  // what achievement_service calls slow
)

// cast are the services, each after those that it depends on.
var cast = []part{
	{
		name: "token_sync_service", layer: "data", description: "Keeps the list of tokens in step with the chain",
		latency: 6 * time.Millisecond,
	},
	{
		name: "market_data_service", layer: "data", description: "Prices from the exchange",
		dependencies: []string{"token_sync_service"}, latency: 4 * time.Millisecond,
		config: switchgear.Config{FailureThreshold: 3, ResetTimeout: 30 * time.Second},
	},
	{
		name: "contest_evaluation_service", layer: "contest", description: "Works out who has won",
		dependencies: []string{"market_data_service"}, latency: 12 * time.Millisecond,
		config: switchgear.Config{
			FailureThreshold: 10, ResetTimeout: 120 * time.Second,
			MinHealthyPeriod: 180 * time.Second, MonitoringWindow: 600 * time.Second,
		},
	},
	{
		name: "vanity_wallet_service", layer: "wallet", description: "Makes addresses with a chosen beginning",
		latency: 15 * time.Millisecond,
	},
	{
		name: "contest_wallet_service", layer: "wallet", description: "Holds the stakes of a contest",
		latency: 8 * time.Millisecond,
	},
	{
		name: "wallet_rake_service", layer: "wallet", description: "Collects the fees of finished contests",
		dependencies: []string{"contest_wallet_service"}, latency: 7 * time.Millisecond,
	},
	{
		name: "achievement_service", layer: "user", description: "Awards achievements; opens on slow calls too",
		latency: 5 * time.Millisecond,
		config: switchgear.Config{
			MonitoringWindow: 120 * time.Second, MinimumOperations: 10,
			SlowCallDuration: slowCall, SlowCallRateThreshold: 0.5,
		},
	},
	{
		name: "referral_service", layer: "user", description: "Counts who brought whom",
		latency: 3 * time.Millisecond,
	},
	{
		name: "solana_rpc_service", layer: "infra", description: "A node of the chain; the manager probes it",
		latency: 9 * time.Millisecond, joins: probed,
		config: switchgear.Config{FailureThreshold: 3},
	},
	{
		name: "level_service", layer: "user", description: "A program that reports over REST",
		latency: 5 * time.Millisecond, joins: reported,
	},
}

// tempo is how many times as fast as real life the demo runs.
type tempo int

// of is a duration of real life as it is in the demo.
func (t tempo) of(d time.Duration) time.Duration { return d / time.Duration(t) }

// config is a config of real life with every duration scaled. Those that are
// derived stay so.
func (t tempo) config(c switchgear.Config) switchgear.Config {
	whole := c.Resolved()
	c.ResetTimeout = t.of(whole.ResetTimeout)
	c.MinHealthyPeriod = t.of(whole.MinHealthyPeriod)
	c.MonitoringWindow = t.of(whole.MonitoringWindow)
	c.HealthCheckInterval = t.of(whole.HealthCheckInterval)
	c.SlowCallDuration = t.of(whole.SlowCallDuration)
	return c
}
