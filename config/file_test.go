package config_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

const wholeFile = `
defaults: { failureThreshold: 4, jitter: 0 }
services:
  token_sync_service:   # reported
    reportIntervalMs: 5000
  bare:
  market_data_service:
    layer: data
    description: Prices from the exchange
    dependencies: [token_sync_service]
    config: { failureThreshold: 3, resetTimeoutMs: 30000 }
    healthCheck: { http: { url: http://127.0.0.1:9101/health, expectStatus: 200 }, timeoutMs: 2000 }
  disk:
    healthCheck: { command: { argv: [df, -P, /] } }
    alerts: { performance_degradation: { p95Ms: 0 }, flapping: { openings: 4, withinMs: 60000 }, service_unknown: {} }
alerts:
  rules: { circuit_state_change: { enabled: true }, consecutive_failures: { threshold: 4 }, performance_degradation: { p95Ms: 500, forMs: 60000, severity: info } }
  receivers:
    ops:
      webhook: { url: "https://ops.example.com/alerts?team=1", secret: "twenty bytes at least", timeoutMs: 500 }
      routes: [ { field: severity, op: "=", value: critical }, { field: service, op: "=~", value: "market_.*" } ]
      sendResolved: false
    page: { alertmanager: { url: "http://127.0.0.1:9093" } }
    chat: { notify: { url: "discord://…" } }
    mail: { notify: { urlFile: mail-url } }
  groupWaitMs: 0
  resolveAfterMs: 1500
  repeatIntervalMs: 14400000
server:
  listen: 127.0.0.1:9000
  publicUrl: https://board.example.com/switchgear
  allowedOrigins: ["http://127.0.0.1:3000"]
  allowedTargets: [loopback, 10.0.0.0/8]
  maxServices: 50
  limits: { messagesPerMinute: 120, socketsPerIdentity: 5, loginsPerMinute: 3 }
auth:
  jwt:
    jwksUrl: https://login.example.com/keys?v=2
    issuer: https://login.example.com
    audience: switchgear
    roleClaim: switchgear_role
    servicesClaim: switchgear_services
    algorithms: [ES256, EdDSA]
store: { data: /var/lib/switchgear, databaseUrl: "postgresql://db/x", postgres: { maxConnections: 20 }, series: { keepSecondsMs: 3600000, keepTenSecondsMs: 0, keepMinutesMs: 31622400000 } }
fleet: { forgetInstancesMs: 90000 }
metrics: { durations: layer }
log: { level: debug, format: json }
`

func TestParse_ReadsAWholeFile(t *testing.T) {
	t.Parallel()
	got, err := config.Parse("switchgear.yaml", []byte(wholeFile))
	if err != nil {
		t.Fatal(err)
	}
	defaults := switchgear.Config{FailureThreshold: 4, Jitter: -1}
	market := defaults
	market.FailureThreshold, market.ResetTimeout = 3, 30*time.Second
	want := &config.File{
		Name: "switchgear.yaml", Defaults: defaults,
		Services: map[string]config.Service{
			"token_sync_service": {Config: defaults, ReportInterval: 5 * time.Second},
			"bare":               {Config: defaults},
			"market_data_service": {
				Layer: "data", Description: "Prices from the exchange", Dependencies: []string{"token_sync_service"}, Config: market,
				HealthCheck: &config.HealthCheck{
					HTTP:    &config.HTTPCheck{URL: "http://127.0.0.1:9101/health", ExpectStatus: config.Statuses{200}},
					Timeout: 2 * time.Second,
				},
			},
			"disk": {Config: defaults, HealthCheck: &config.HealthCheck{
				Command: &config.CommandCheck{Argv: []string{"df", "-P", "/"}}, Timeout: config.DefaultCheckTimeout,
			}, Alerts: config.AlertRules{
				"performance_degradation": {P95: new(time.Duration(0))},
				"flapping":                {Openings: 4, Within: time.Minute},
			}},
		},
		Alerts: config.Alerts{
			Rules: config.AlertRules{
				"circuit_state_change":    {Enabled: new(true)},
				"consecutive_failures":    {Threshold: 4},
				"performance_degradation": {P95: new(500 * time.Millisecond), For: new(time.Minute), Severity: "info"},
			},
			Receivers: []config.AlertReceiver{
				{Name: "chat", Notify: &config.NotifyReceiver{URL: "discord://…"}, SendResolved: true},
				{Name: "mail", Notify: &config.NotifyReceiver{URLFile: "mail-url"}, SendResolved: true},
				{
					Name: "ops",
					Webhook: &config.WebhookReceiver{
						URL: "https://ops.example.com/alerts?team=1", Secret: "twenty bytes at least", Timeout: 500 * time.Millisecond,
					},
					Routes: []config.RouteMatcher{
						{Field: "severity", Op: "=", Value: "critical"}, {Field: "service", Op: "=~", Value: "market_.*"},
					},
				},
				{Name: "page", Alertmanager: &config.AlertmanagerReceiver{URL: "http://127.0.0.1:9093"}, SendResolved: true},
			},
			ResolveAfter: 1500 * time.Millisecond, RepeatInterval: 4 * time.Hour,
		},
		Quorums: config.Quorums{All: config.Quorum{Share: 0.5}},
		Settings: config.Settings{
			Listen: "127.0.0.1:9000", PublicURL: "https://board.example.com/switchgear", AllowedOrigins: []string{"http://127.0.0.1:3000"}, MaxServices: 50,
			AllowedTargets: []string{"loopback", "10.0.0.0/8"},
			Limits:         config.Limits{MessagesPerMinute: 120, SocketsPerIdentity: 5, LoginsPerMinute: 3},
			JWT: &config.JWT{
				JWKSURL: "https://login.example.com/keys?v=2", Issuer: "https://login.example.com", Audience: "switchgear",
				RoleClaim: "switchgear_role", ServicesClaim: "switchgear_services", Algorithms: []string{"ES256", "EdDSA"},
			},
			Series: config.Series{Of1s: time.Hour, Of10s: -1, Of1m: 366 * 24 * time.Hour},
			Data:   "/var/lib/switchgear", DatabaseURL: "postgresql://db/x", MaxConnections: 20, LogLevel: "debug", LogFormat: "json", MetricsDurations: "layer",
			ForgetInstances: 90 * time.Second,
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(config.File{})); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
}

func TestParse_AnEmptyFileIsFine(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", "\n", "# nothing yet\n", "---\n", "---\n# nothing\n...\n", "\ufeff", "{}", "~",
		"services:\n", "services: {}\ndefaults:\nserver:\nstore: ~\nlog: {}\n",
	} {
		got, err := config.Parse("f", []byte(in))
		if err != nil {
			t.Errorf("%q: %v", in, err)
		} else if len(got.Services) != 0 {
			t.Errorf("%q: got services %v", in, got.Services)
		}
	}
}

func TestParse_ListsEveryErrorWithItsLine(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/bad.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.Parse("switchgear.yaml", data)
	var refused *config.FileError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a *FileError", err)
	}
	if !slices.IsSortedFunc(refused.Problems, func(a, b config.Problem) int { return a.Line - b.Line }) {
		t.Error("the errors are not sorted by line")
	}
	golden := "testdata/bad.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), refused.Error()+"\n"); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestParse_NamesTheLine(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"a file that is called nothing", "!!null { log: 5 }\n", `f:1: the tag "!!null" means nothing here`},
		{"a list", "- a\n", "f:1: must be a mapping with the keys defaults, services, alerts, fleet, server, auth, store, bus, metrics and log"},
		{"a key of a later version", "\nquorum: {}\n", "f:2: quorum: unknown field"},
		{"services as a list", "services:\n  - a\n", "f:1: services: must be a mapping of names to services"},
		{"a service that is a word", "services:\n  a:\n    true\n", "f:2: services.a: must be an object, not true or false"},
		{"broken YAML", "services:\n  a: {\n", "f:2: did not find expected node content"},
		{"a tab", "services:\n\ta: {}\n", "f:2: found character that cannot start any token"},
		{"two documents", "services: {}\n---\nservices: {}\n", "f:2: a second document begins; there can be one"},
		{"broken second document", "a: {}\n---\n{\n", "f:3: did not find expected node content"},
		{"not UTF-8", "# fine\nlog: { level: \xff }\n", "f:2: not UTF-8"},
		{"UTF-16", "\xff\xfea\x00", "f:1: not UTF-8"},
		{"unknown anchor", "services: *nothing\n", "f:1: an alias of an anchor that is not there; put a text that begins with * in quotes"},
		{"services as an alias", "defaults: &d { jitter: 0.5 }\nservices: *d\n", "f:1: services.jitter: must be an object, not a number"},
		{"a long key", "services:\n  a:\n    " + strings.Repeat("k", 300) + ": 1\n", "f:2: services.a." + strings.Repeat("k", 128) + "…: unknown field"},
		{"a name with dots", "services:\n  a.b:c:\n    x: 1\n", "f:3: services.a.b:c.x: unknown field"},
		{"too deep", "services: {a: {config: " + strings.Repeat("{a: ", 40) + strings.Repeat("}", 40) + "}}\n", "f:1: services.a.config"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Parse("f", []byte(tc.in))
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestParse_BoundsTheListOfErrors(t *testing.T) {
	t.Parallel()
	var in strings.Builder
	in.WriteString("services:\n")
	for i := range 3000 {
		fmt.Fprintf(&in, "  s%d: { x: 1 }\n", i)
	}
	_, err := config.Parse("f", []byte(in.String()))
	var refused *config.FileError
	if !errors.As(err, &refused) || len(refused.Problems) != 1001 {
		t.Fatalf("got %d errors, want 1001", len(refused.Problems))
	}
	if got, want := refused.Problems[1000].String(), "f: and 2000 more"; got != want {
		t.Errorf("the last is %q, want %q", got, want)
	}
}

func TestParse_RefusesALargeFile(t *testing.T) {
	t.Parallel()
	fits := []byte("services: {}\n#" + strings.Repeat("x", config.MaxFileSize-14))
	if _, err := config.Parse("f", fits); err != nil {
		t.Errorf("%d bytes: %v", len(fits), err)
	}
	path := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(path, append(fits, 'x'), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(path)
	if want := path + ": larger than 4 MiB"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestLoad_TellsOfAFileThatIsNotThere(t *testing.T) {
	t.Parallel()
	if _, err := config.Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want an error that is fs.ErrNotExist", err)
	}
}

func TestFile_LintNamesServiceAndLine(t *testing.T) {
	t.Parallel()
	const in = `
services:
  slow_feed:
    config:
      failureThreshold: 10
    healthCheck: { tcp: { address: 127.0.0.1:1 } }
  slow_report:
    reportIntervalMs: 100000
  slow_check:
    healthCheck: { tcp: { address: 127.0.0.1:1 }, timeoutMs: 90000 }
  on_demand:
    config: { healthCheckIntervalMs: 0 }
    healthCheck: { tcp: { address: 127.0.0.1:1 } }
  fine:
    healthCheck: { tcp: { address: 127.0.0.1:1 } }
`
	f, err := config.Parse("f", []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range f.Lint() {
		if strings.HasSuffix(w.Field, ".failureThreshold") {
			got = append(got, fmt.Sprintf("%d %s", w.Line, w.Field))
		}
	}
	want := []string{
		"9 services.slow_check.config.failureThreshold",
		"5 services.slow_feed.config.failureThreshold",
		"7 services.slow_report.config.failureThreshold",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}
