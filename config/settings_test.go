package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
)

func TestSettings_OrTakesWhatIsNotSaidFromTheNext(t *testing.T) {
	t.Parallel()
	flags := config.Settings{Listen: "127.0.0.1:1", AllowedOrigins: []string{}}
	environment := config.Settings{Listen: "127.0.0.1:2", Data: "/env", AllowedOrigins: []string{"http://env"}}
	file := config.Settings{Listen: "127.0.0.1:3", Data: "/file", LogLevel: "debug", MaxServices: 5}
	want := config.Settings{
		Listen: "127.0.0.1:1", AllowedOrigins: []string{}, MaxServices: 5, Data: "/env", LogLevel: "debug", LogFormat: "text",
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
	s := config.Settings{Listen: "8080", MaxServices: -1, Data: "a\x00b", LogLevel: "loud", LogFormat: "xml"}
	want := []string{
		`server.listen: "8080" is not an address and a port, such as 127.0.0.1:8080`,
		`server.maxServices: -1 is not in 1 … 1000000`,
		`store.data: "a\x00b" is not a path`,
		`log.level: "loud" is not one of debug, info, warn, error`,
		`log.format: "xml" is not one of text, json`,
	}
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
