package config_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
)

func TestSettings_OrTakesWhatIsNotSaidFromTheNext(t *testing.T) {
	t.Parallel()
	flags := config.Settings{Listen: "127.0.0.1:1", MaxConnections: 3, AllowedOrigins: []string{}, AllowedTargets: []string{"loopback"}}
	environment := config.Settings{
		Listen: "127.0.0.1:2", PublicURL: "http://env/", Data: "/env", AllowedOrigins: []string{"http://env"}, AllowedTargets: []string{"private"},
		Limits: config.Limits{MessagesPerMinute: 100}, DatabaseURL: "postgres://env",
	}
	file := config.Settings{
		Listen: "127.0.0.1:3", PublicURL: "http://file", Data: "/file", LogLevel: "debug", MaxServices: 5, MetricsDurations: "layer",
		Limits: config.Limits{MessagesPerMinute: 200, SocketsPerIdentity: 30},
		Series: config.Series{Of1s: time.Hour, Of10s: -1}, DatabaseURL: "postgres://file", MaxConnections: 5, ForgetInstances: 2 * time.Hour, Lease: 3 * time.Second,
	}
	want := config.Settings{
		Listen: "127.0.0.1:1", PublicURL: "http://env", AllowedOrigins: []string{}, AllowedTargets: []string{"loopback"}, MaxServices: 5,
		Limits: config.Limits{
			MessagesPerMinute: 100, SocketsPerIdentity: 30, LoginsPerMinute: 10, Agents: 10_000, ServicesPerAgent: 1000,
		},
		Series: config.Series{Of1s: time.Hour, Of10s: -1, Of1m: 30 * 24 * time.Hour},
		Data:   "/env", DatabaseURL: "postgres://env", MaxConnections: 3, ForgetInstances: 2 * time.Hour, Lease: 3 * time.Second, LogLevel: "debug", LogFormat: "text", MetricsDurations: "layer",
	}
	got := flags.Or(environment).Or(file).Or(config.DefaultSettings())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestSettings_DefaultsAreValid(t *testing.T) {
	t.Parallel()
	for _, s := range []config.Settings{{}, config.DefaultSettings()} {
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestSettings_ValidateNamesEachThatCannotBe(t *testing.T) {
	t.Parallel()
	s := config.Settings{
		Listen: "8080", PublicURL: "https://u:secret@h/", MaxServices: -1, Data: "a\x00b", DatabaseURL: "mysql://u:secret@h/", MaxConnections: 2, LogLevel: "loud", LogFormat: "xml", MetricsDurations: "all",
		AllowedTargets: []string{"private", "example.com", "169.254.169.254"},
		Limits:         config.Limits{MessagesPerMinute: 100_001, SocketsPerIdentity: 1_000_001, LoginsPerMinute: 1_001, Agents: -1, ServicesPerAgent: 100_001},
		Series:         config.Series{Of1s: 25 * time.Hour, Of10s: time.Minute, Of1m: 59 * time.Minute}, ForgetInstances: time.Second,
	}
	want := []string{
		`server.listen: "8080" is not an address and a port, such as 127.0.0.1:8080`,
		`server.publicUrl: must be an http:// or https:// URL without user, query and fragment`,
		`server.allowedTargets: "example.com" is not loopback, private, an IP address or a range such as 10.0.0.0/8`,
		`server.allowedTargets: "169.254.169.254" cannot be allowed: it is link-local`,
		`server.maxServices: -1 is not in 1 … 1000000`,
		`server.limits.messagesPerMinute: 100001 is not in 1 … 100000`,
		`server.limits.socketsPerIdentity: 1000001 is not in 1 … 1000000`,
		`server.limits.loginsPerMinute: 1001 is not in 1 … 1000`,
		`server.limits.agents: -1 is not in 1 … 1000000`,
		`server.limits.servicesPerAgent: 100001 is not in 1 … 100000`,
		`store.postgres.maxConnections: 2 is not in 3 … 1000`,
		`store.data: "a\x00b" is not a path`,
		`store.databaseUrl: is not the URL of a PostgreSQL database, such as postgres://switchgear@db.example.com/switchgear?sslmode=verify-full`,
		`fleet.forgetInstancesMs: 1000 is not in 60000 … 2592000000`,
		`store.series.keepSecondsMs: 90000000 is neither 0 nor in 60000 … 86400000`,
		`store.series.keepTenSecondsMs: 60000 is neither 0 nor in 600000 … 2592000000`,
		`store.series.keepMinutesMs: 3540000 is neither 0 nor in 3600000 … 31622400000`,
		`metrics.durations: "all" is not one of auto, service, layer`,
		`log.level: "loud" is not one of debug, info, warn, error`,
		`log.format: "xml" is not one of text, json`,
	}
	if diff := cmp.Diff(want, fieldsOf(t, s.Validate())); diff != "" {
		t.Errorf("bad fields (-want +got):\n%s", diff)
	}
}

func TestSettings_SomeOfTheSeriesIsKept(t *testing.T) {
	t.Parallel()
	s := config.Settings{Series: config.Series{Of1s: -1, Of10s: -1}}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	s.Series.Of1m = -1
	want := []string{"store.series: nothing is kept: one of keepSecondsMs, keepTenSecondsMs and keepMinutesMs has to be above 0"}
	if diff := cmp.Diff(want, fieldsOf(t, s.Validate())); diff != "" {
		t.Errorf("bad fields (-want +got):\n%s", diff)
	}
}

func TestSettings_AnOriginIsWhatABrowserSends(t *testing.T) {
	t.Parallel()
	for origin, good := range map[string]bool{
		"https://board.example.com": true, "http://127.0.0.1:3000": true, "http://[::1]:3000": true, "http://localhost": true,
		"": false, "*": false, "null": false, "board.example.com": false, "https://*.example.com": false,
		"https://board.example.com/": false, "https://Board.example.com": false, "HTTPS://board.example.com": false,
		"https://board.example.com:443": false, "http://h:80": false, "https://h:": false, "https://u@h": false,
		"https://h?x": false, "https://h#": false, "ws://h": false, "https://h:0": false, "https://h:99999": false,
	} {
		err := config.Settings{AllowedOrigins: []string{origin}}.Validate()
		if (err == nil) != good {
			t.Errorf("%q: got %v, want it to be good: %v", origin, err, good)
		}
	}
}

func TestSettings_TakeAHundredTargets(t *testing.T) {
	t.Parallel()
	s := config.Settings{AllowedTargets: slices.Repeat([]string{"10.0.0.0/8"}, 100)}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	s.AllowedTargets = append(s.AllowedTargets, "loopback")
	if diff := cmp.Diff([]string{"server.allowedTargets: 101 are more than 100"}, fieldsOf(t, s.Validate())); diff != "" {
		t.Errorf("bad fields (-want +got):\n%s", diff)
	}
}

func TestSettings_ThePublicURLIsABaseForLinks(t *testing.T) {
	t.Parallel()
	for in, good := range map[string]bool{
		"https://board.example.com": true, "http://127.0.0.1:8080/": true, "https://h/switchgear": true,
		"board.example.com": false, "ftp://h": false, "https://": false, "https://u@h": false, "https://h?x=1": false,
		"https://h?": false, "https://h#x": false, "https://h:0": false, "https://h/\x01": false,
	} {
		err := config.Settings{PublicURL: in}.Validate()
		if (err == nil) != good {
			t.Errorf("%q: got %v, want it to be good: %v", in, err, good)
		}
	}
}
