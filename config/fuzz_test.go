package config_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
)

// FuzzParse holds that any bytes are a file or are refused with a list, and
// that of a file each service can be stored and read back.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		wholeFile,
		"services: &s { a: { <<: [*s, { layer: x }] }, b: *s }",
		"services:\n  a: &a { config: &c { jitter: 0x1 } }\n  b: { <<: *a, config: { <<: *c, enabled: yes } }\n",
		"--- !!map\n? [a]\n: !!binary aGk=\n---\n",
		"log: { level: \"\\0\", level: ! x }\n# \ufeff\n",
	} {
		f.Add([]byte(seed))
	}
	seeds, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	examples, err := filepath.Glob("../examples/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range append(seeds, examples...) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := config.Parse("f", data)
		if err != nil {
			var refused *config.FileError
			if !errors.As(err, &refused) || len(refused.Problems) == 0 {
				t.Fatalf("refused with %v of type %T", err, err)
			}
			return
		}
		file.Lint()
		rest := config.Settings{}
		if file.Settings.JWT != nil { // the secret may be the environment's to say
			rest.JWT = &config.JWT{JWKSURL: "https://login.example.com/keys"}
			if slices.Contains(file.Settings.JWT.Algorithms, "HS256") {
				rest.JWT = &config.JWT{Secret: jwtSecret}
			}
		}
		if err := file.Settings.Or(rest).Validate(); err != nil {
			t.Errorf("bad settings were read: %v", err)
		}
		dependencies := make(map[string][]string)
		for name, s := range file.Services {
			dependencies[name] = s.Dependencies
			comesBack(t, s, config.DecodeOptions{Name: name, AllowCommand: true})
		}
		if err := config.CheckDependencies(dependencies); err != nil {
			t.Errorf("bad dependencies were read: %v", err)
		}
	})
}

// FuzzDecodeService holds that any bytes are a service that can be stored and
// read back, or are refused.
func FuzzDecodeService(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `{"layer":"data","layer":"x"}`,
		`{"dependencies":["a"],"config":{"failureThreshold":3,"jitter":0},"reportIntervalMs":1000}`,
		`{"healthCheck":{"http":{"url":"http://u:p@h/?q","headers":{"A":"b"},"expectStatus":[200,204],"expectBody":"ok"},"timeoutMs":1.5}}`,
		`{"healthCheck":{"grpc":{"address":"[::1]:5","service":"s","tls":true}}}`,
		`{"alerts":{"flapping":{"openings":2,"withinMs":1e3},"performance_degradation":{"p95Ms":0.001,"enabled":false}}}`,
		`{"healthCheck":{"command":{"argv":["/bin/true"]}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		opts := config.DecodeOptions{Name: "me"}
		s, err := config.DecodeService(data, opts)
		if err != nil {
			return
		}
		if s.HealthCheck != nil && s.HealthCheck.Command != nil {
			t.Error("a command was admitted")
		}
		comesBack(t, s, opts)
	})
}

func comesBack(t *testing.T, s config.Service, opts config.DecodeOptions) {
	t.Helper()
	stored, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	back, err := config.DecodeService(stored, opts)
	if err != nil {
		t.Fatalf("%s is refused: %v", stored, err)
	}
	again, err := json.Marshal(back)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(stored), string(again)); diff != "" {
		t.Errorf("came back changed (-want +got):\n%s", diff)
	}
}
