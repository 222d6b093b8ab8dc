package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/config"
)

func TestQuorums_TheNameGoesBeforeTheLongestPatternBeforeAll(t *testing.T) {
	t.Parallel()
	f, err := config.Parse("f", []byte(`fleet:
  quorumInstances: 3
  services:
    "market_*": { quorumInstances: 4 }
    "market_d*": { quorumShare: 0.9 }
    "*_a*": { quorumInstances: 6 }
    market_data: { quorumInstances: 5, quorumShare: 1 }
    "wallet*": { quorumInstances: 0 }
`))
	if err != nil {
		t.Fatal(err)
	}
	for service, want := range map[string]config.Quorum{
		"prices":      {Instances: 3, Share: 0.5},
		"market_x":    {Instances: 4, Share: 0.5},
		"market_deep": {Instances: 3, Share: 0.9},
		"market_data": {Instances: 5, Share: 1},
		"market_a":    {Instances: 4, Share: 0.5}, // the longest
		"wallets":     {Instances: 0, Share: 0.5},
	} {
		if got := f.Quorums.For(service); got != want {
			t.Errorf("%s: %+v, want %+v", service, got, want)
		}
	}
	if f.Quorums.For("wallets").On() || !f.Quorums.For("prices").On() {
		t.Error("0 instances are not off, or 3 are")
	}
}

func TestQuorums_AreOffWhereNothingIsSaid(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "fleet: { quorumShare: 0.7 }\n", "fleet: { forgetInstancesMs: 3600000 }\n"} {
		f, err := config.Parse("f", []byte(text))
		if err != nil || f.Quorums.For("prices").On() {
			t.Errorf("%q: %v, %+v", text, err, f)
		}
	}
	if new(config.Quorums).For("prices").On() {
		t.Error("the zero Quorums are on")
	}
}

func TestQuorums_RefuseWhatCannotBe(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"quorumInstances: 1":                              "fleet.quorumInstances: 1 is neither 0, which is off, nor in 2 … 1000000",
		"quorumInstances: -1":                             "fleet.quorumInstances: -1 is neither",
		"quorumInstances: 1000001":                        "fleet.quorumInstances: 1000001 is neither",
		"quorumShare: 0":                                  "fleet.quorumShare: 0 is not above 0 and at most 1",
		"quorumShare: 1.01":                               "fleet.quorumShare: 1.01 is not",
		"services: { Prices: { quorumInstances: 2 } }":    `fleet.services: "Prices" is no pattern`,
		`services: { ".prices": { quorumInstances: 2 } }`: `fleet.services: ".prices" is no pattern`,
		`services: { "p*": { quorumInstances: 1 } }`:      "fleet.services.p*.quorumInstances: 1 is neither",
		`services: { "p*": { quorumInstance: 2 } }`:       "quorumInstance",
		`services: { "p*": { quorumShare: 2 } }`:          "fleet.services.p*.quorumShare: 2 is not",
		`services: { "p*": { leaseMs: 2000 } }`:           "leaseMs",
	} {
		if _, err := config.Parse("f", fmt.Appendf(nil, "fleet:\n  %s\n", text)); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "f:2: ") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestQuorums_OfAServiceOfTheFileAreWarnedOf(t *testing.T) {
	t.Parallel()
	f, err := config.Parse("f", []byte("services:\n  prices: {}\n  wallets: {}\nfleet:\n  services:\n    prices: { quorumInstances: 2 }\n    wallets: { quorumInstances: 0 }\n    'p*': { quorumInstances: 2 }\n"))
	if err != nil {
		t.Fatal(err)
	}
	warnings := f.Lint()
	if len(warnings) != 1 || warnings[0].Line != 6 || !strings.Contains(warnings[0].Message, "prices is declared in this file") {
		t.Errorf("%v", warnings)
	}
}
