package config_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/internal/strict"
)

// fieldsOf lists the bad fields of err as "field: message".
func fieldsOf(t *testing.T, err error) []string {
	t.Helper()
	var bad *config.FieldsError
	if !errors.As(err, &bad) {
		t.Fatalf("got error %v of type %T, want a *FieldsError", err, err)
	}
	var lines []string
	bad.EachField(func(field, message string) { lines = append(lines, field+": "+message) })
	if shown := strings.TrimPrefix(strings.Join(lines, "; "), ": "); len(bad.Fields()) != len(lines) || bad.Error() != shown {
		t.Errorf("Error, Fields and EachField tell different things: %q, %q, %q", bad.Error(), bad.Fields(), lines)
	}
	return lines
}

func TestDecodeService_ReadsEveryField(t *testing.T) {
	t.Parallel()
	const in = `{"layer":"data","description":"Prices\nof the exchange","dependencies":["a","b:c.d-e_f"],
		"config":{"failureThreshold":3,"resetTimeoutMs":30000,"minHealthyPeriodMs":0},
		"healthCheck":{"http":{"url":"https://u:p@h.example:8443/x?k=v","method":"POST","headers":{"Accept":"text/plain","X-Key":"k"},
			"expectStatus":[200,204],"expectBody":"ok"},"timeoutMs":1500.5},
		"reportIntervalMs":0}`
	got, err := config.DecodeService([]byte(in), config.DecodeOptions{Name: "c"})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Service{
		Layer: "data", Description: "Prices\nof the exchange", Dependencies: []string{"a", "b:c.d-e_f"},
		Config: switchgear.Config{FailureThreshold: 3, ResetTimeout: 30 * time.Second, MinHealthyPeriod: -1},
		HealthCheck: &config.HealthCheck{
			HTTP: &config.HTTPCheck{
				URL: "https://u:p@h.example:8443/x?k=v", Method: "POST",
				Headers:      map[string]string{"Accept": "text/plain", "X-Key": "k"},
				ExpectStatus: config.Statuses{200, 204}, ExpectBody: "ok",
			},
			Timeout: 1500*time.Millisecond + 500*time.Microsecond,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("service (-want +got):\n%s", diff)
	}
}

func TestDecodeService_LeavesOutWhatIsMissingOrNull(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		`{}`,
		`{"layer":null,"description":null,"dependencies":null,"config":null,"healthCheck":null,"reportIntervalMs":null}`,
		`{"layer":"","description":"","dependencies":[],"config":{},"reportIntervalMs":0}`,
	} {
		got, err := config.DecodeService([]byte(in), config.DecodeOptions{})
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if diff := cmp.Diff(config.Service{}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}

func TestDecodeService_PutsTheConfigOverTheDefaults(t *testing.T) {
	t.Parallel()
	defaults := switchgear.Config{FailureThreshold: 7, ResetTimeout: 10 * time.Second, Jitter: -1}
	got, err := config.DecodeService([]byte(`{"config":{"resetTimeoutMs":20000,"jitter":null}}`), config.DecodeOptions{Defaults: defaults})
	if err != nil {
		t.Fatal(err)
	}
	want := switchgear.Config{FailureThreshold: 7, ResetTimeout: 20 * time.Second}
	if diff := cmp.Diff(want, got.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	none, err := config.DecodeService([]byte(`{}`), config.DecodeOptions{Defaults: defaults})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(defaults, none.Config); diff != "" {
		t.Errorf("without a config (-want +got):\n%s", diff)
	}
}

func TestDecodeService_KnowsEveryFieldOfABreaker(t *testing.T) {
	t.Parallel()
	all, err := json.Marshal(switchgear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.DecodeService([]byte(`{"config":`+string(all)+`}`), config.DecodeOptions{}); err != nil {
		t.Errorf("what a Config writes is refused: %v", err)
	}
	var fields map[string]any
	if err := json.Unmarshal(all, &fields); err != nil {
		t.Fatal(err)
	}
	for name := range fields {
		typo := name[:3] + name[4:]
		_, err := config.DecodeService([]byte(`{"config":{"`+typo+`":1}}`), config.DecodeOptions{})
		want := []string{"config." + typo + `: unknown field, did you mean "` + name + `"?`}
		if diff := cmp.Diff(want, fieldsOf(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", typo, diff)
		}
	}
}

func TestDecodeService_NamesEveryBadFieldAtOnce(t *testing.T) {
	t.Parallel()
	const in = `{"layer":"Data","descriptin":"x","dependencies":["me","Bad",5,"a","a"],
		"config":{"failureTreshold":3,"resetTimeoutMs":0,"jitter":2,"enabled":"yes"},
		"healthCheck":{"http":{"url":5,"expectStatus":[99,"x"],"method":"BREW"},"tcp":{"address":"nowhere"},"timeoutMs":0},
		"reportIntervalMs":50}`
	_, err := config.DecodeService([]byte(in), config.DecodeOptions{Name: "me"})
	want := []string{
		`descriptin: unknown field, did you mean "description"?`,
		`dependencies[2]: must be a string, not a number`,
		`healthCheck.http.url: must be a string, not a number`,
		`healthCheck.http.expectStatus[1]: must be a number, not a string`,
		`config.failureTreshold: unknown field, did you mean "failureThreshold"?`,
		`config.enabled: "yes" is not true or false`,
		`config.resetTimeoutMs: 0 is not in 1 … 86400000`,
		`config.jitter: 2 is not in 0 … 1`,
		`layer: "Data" must match [a-z0-9_-]{0,64}`,
		`dependencies[0]: a service cannot depend on itself`,
		`dependencies[1]: "Bad" is no name of a service: it must match [a-z0-9][a-z0-9_.:-]{0,127}`,
		`dependencies[4]: a is given twice`,
		`healthCheck.http.method: "BREW" is not one of GET, HEAD, POST, PUT, OPTIONS`,
		`healthCheck.http.expectStatus[0]: 99 is not in 200 … 599`,
		`healthCheck.tcp.address: "nowhere" is not a host and a port, such as 127.0.0.1:5432`,
		`healthCheck: can have one of http, tcp, grpc and command, not http and tcp`,
		`healthCheck.timeoutMs: 0 is not in 1 … 3600000`,
		`reportIntervalMs: is for reported services; this one has a health check`,
	}
	if diff := cmp.Diff(want, fieldsOf(t, err)); diff != "" {
		t.Errorf("bad fields (-want +got):\n%s", diff)
	}
}

func TestHealthCheck_TellsTheTimeoutThatWasGiven(t *testing.T) {
	t.Parallel()
	for _, ms := range []string{"0", "-1", "-5000", "-0.000001", "0.5", "3600001"} {
		_, err := config.DecodeService([]byte(`{"healthCheck":{"tcp":{"address":"h:1"},"timeoutMs":`+ms+`}}`), config.DecodeOptions{})
		if err == nil || err.Error() != "healthCheck.timeoutMs: "+ms+" is not in 1 … 3600000" {
			t.Errorf("%s: %v", ms, err)
		}
	}
}

func TestDecodeService_RefusesEachFieldOutOfItsRange(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("x", n) }
	many := func(n int, item string) string { return "[" + strings.Repeat(item+",", n-1) + item + "]" }
	for _, tc := range []struct{ name, in, field string }{
		{"layer", `{"layer":"` + long(65) + `"}`, "layer"},
		{"layer with a line end", `{"layer":"data\n"}`, "layer"},
		{"description too long", `{"description":"` + long(1025) + `"}`, "description"},
		{"description with an escape sequence", `{"description":"a\u001b[2J"}`, "description"},
		{"description that turns around", `{"description":"a\u202eb"}`, "description"},
		{"too many dependencies", `{"dependencies":` + many(101, `"x"`) + `}`, "dependencies"},
		{"config that is a list", `{"config":[]}`, "config"},
		{"report interval too short", `{"reportIntervalMs":99}`, "reportIntervalMs"},
		{"report interval too long", `{"reportIntervalMs":86400001}`, "reportIntervalMs"},
		{"report interval below zero", `{"reportIntervalMs":-1}`, "reportIntervalMs"},
		{"report interval beyond all time", `{"reportIntervalMs":1e300}`, "reportIntervalMs"},
		{"both probed and reported", `{"healthCheck":{"tcp":{"address":"h:1"}},"reportIntervalMs":1000}`, "reportIntervalMs"},
		{"empty health check", `{"healthCheck":{}}`, "healthCheck"},
		{"health check of no kind", `{"healthCheck":{"htp":{"url":"http://h"}}}`, "healthCheck.htp"},
		{"timeout too long", `{"healthCheck":{"tcp":{"address":"h:1"},"timeoutMs":3600001}}`, "healthCheck.timeoutMs"},
		{"timeout below zero", `{"healthCheck":{"tcp":{"address":"h:1"},"timeoutMs":-5}}`, "healthCheck.timeoutMs"},
		{"no url", `{"healthCheck":{"http":{}}}`, "healthCheck.http.url"},
		{"relative url", `{"healthCheck":{"http":{"url":"/health"}}}`, "healthCheck.http.url"},
		{"url of a file", `{"healthCheck":{"http":{"url":"file:///etc/passwd"}}}`, "healthCheck.http.url"},
		{"url without a host", `{"healthCheck":{"http":{"url":"http://:80/"}}}`, "healthCheck.http.url"},
		{"url with a fragment", `{"healthCheck":{"http":{"url":"http://h/#x"}}}`, "healthCheck.http.url"},
		{"url with port 0", `{"healthCheck":{"http":{"url":"http://h:0/"}}}`, "healthCheck.http.url"},
		{"url with port 65536", `{"healthCheck":{"http":{"url":"http://h:65536/"}}}`, "healthCheck.http.url"},
		{"url too long", `{"healthCheck":{"http":{"url":"http://h/` + long(2048) + `"}}}`, "healthCheck.http.url"},
		{"header that is no token", `{"healthCheck":{"http":{"url":"http://h","headers":{"a b":"c"}}}}`, "healthCheck.http.headers"},
		{"header that frames", `{"healthCheck":{"http":{"url":"http://h","headers":{"content-length":"5"}}}}`, "healthCheck.http.headers.content-length"},
		{"header twice", `{"healthCheck":{"http":{"url":"http://h","headers":{"Accept":"1","accept":"2"}}}}`, "healthCheck.http.headers.accept"},
		{"header with a line end", `{"healthCheck":{"http":{"url":"http://h","headers":{"A":"1\r\nB: 2"}}}}`, "healthCheck.http.headers.A"},
		{"header too long", `{"healthCheck":{"http":{"url":"http://h","headers":{"A":"` + long(4097) + `"}}}}`, "healthCheck.http.headers.A"},
		{"too many statuses", `{"healthCheck":{"http":{"url":"http://h","expectStatus":` + many(51, "200") + `}}}`, "healthCheck.http.expectStatus"},
		{"status 600", `{"healthCheck":{"http":{"url":"http://h","expectStatus":600}}}`, "healthCheck.http.expectStatus"},
		{"status that is a word", `{"healthCheck":{"http":{"url":"http://h","expectStatus":"2xx"}}}`, "healthCheck.http.expectStatus"},
		{"body of HEAD", `{"healthCheck":{"http":{"url":"http://h","method":"HEAD","expectBody":"x"}}}`, "healthCheck.http.expectBody"},
		{"body too long", `{"healthCheck":{"http":{"url":"http://h","expectBody":"` + long(1025) + `"}}}`, "healthCheck.http.expectBody"},
		{"tcp without a host", `{"healthCheck":{"tcp":{"address":":80"}}}`, "healthCheck.tcp.address"},
		{"tcp without a port", `{"healthCheck":{"tcp":{"address":"h"}}}`, "healthCheck.tcp.address"},
		{"tcp with port 0", `{"healthCheck":{"tcp":{"address":"h:0"}}}`, "healthCheck.tcp.address"},
		{"tcp with a named port", `{"healthCheck":{"tcp":{"address":"h:http"}}}`, "healthCheck.tcp.address"},
		{"grpc without an address", `{"healthCheck":{"grpc":{}}}`, "healthCheck.grpc.address"},
		{"grpc with a long service", `{"healthCheck":{"grpc":{"address":"h:1","service":"` + long(257) + `"}}}`, "healthCheck.grpc.service"},
		{"no argv", `{"healthCheck":{"command":{}}}`, "healthCheck.command.argv"},
		{"empty program", `{"healthCheck":{"command":{"argv":["","x"]}}}`, "healthCheck.command.argv[0]"},
		{"too many arguments", `{"healthCheck":{"command":{"argv":` + many(65, `"x"`) + `}}}`, "healthCheck.command.argv"},
		{"argument too long", `{"healthCheck":{"command":{"argv":["x","` + long(4097) + `"]}}}`, "healthCheck.command.argv[1]"},
		{"command as a line", `{"healthCheck":{"command":{"argv":"rm -rf /"}}}`, "healthCheck.command.argv"},
		{"wrong case", `{"Layer":"data"}`, "Layer"},
		{"key twice", `{"layer":"a","layer":"a"}`, "layer"},
		{"not an object", `[]`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.DecodeService([]byte(tc.in), config.DecodeOptions{AllowCommand: true})
			if got, _, _ := strings.Cut(fieldsOf(t, err)[0], ": "); got != tc.field {
				t.Errorf("got %q, want a complaint of %s", err, tc.field)
			}
		})
	}
}

func TestDecodeService_ToleratesTheEdgesOfTheRanges(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		`{"reportIntervalMs":100}`, `{"reportIntervalMs":86400000}`,
		`{"healthCheck":{"tcp":{"address":"h:1"},"timeoutMs":1}}`,
		`{"healthCheck":{"tcp":{"address":"[fe80::1%eth0]:65535"},"timeoutMs":3600000}}`,
		`{"healthCheck":{"http":{"url":"http://[::1]:9101/","expectStatus":[200,599]}}}`,
		`{"layer":"` + strings.Repeat("a", 64) + `","description":"` + strings.Repeat("a", 1024) + `"}`,
	} {
		if _, err := config.DecodeService([]byte(in), config.DecodeOptions{}); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestDecodeService_AdmitsCommandsOnlyWhereAllowed(t *testing.T) {
	t.Parallel()
	in := []byte(`{"healthCheck":{"command":{"argv":["/bin/true"]}}}`)
	_, err := config.DecodeService(in, config.DecodeOptions{})
	want := []string{"healthCheck.command: a command check can be declared in the config file only"}
	if diff := cmp.Diff(want, fieldsOf(t, err)); diff != "" {
		t.Errorf("bad fields (-want +got):\n%s", diff)
	}
	var s config.Service
	if err := json.Unmarshal(in, &s); err == nil {
		t.Error("UnmarshalJSON admits a command")
	}
	if _, err := config.DecodeService(in, config.DecodeOptions{AllowCommand: true}); err != nil {
		t.Error(err)
	}
}

func TestDecodeService_TellsWhatIsNoJSON(t *testing.T) {
	t.Parallel()
	for _, in := range []string{``, `{`, `{} {}`, "{\"layer\":\"\xff\"}", `{"layer":"\u0000"}`, strings.Repeat("[", 40)} {
		_, err := config.DecodeService([]byte(in), config.DecodeOptions{})
		if _, ok := errors.AsType[*strict.SyntaxError](err); !ok {
			t.Errorf("%q: got %v, want a syntax error", in, err)
		}
	}
}

func TestService_ComesBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		`{}`,
		`{"reportIntervalMs":1000}`,
		`{"dependencies":["a"],"config":{"enabled":false,"minHealthyPeriodMs":0,"jitter":0,"recoverySteps":[],"healthCheckIntervalMs":0}}`,
		`{"config":{"resetTimeoutMs":1,"probeTimeoutMs":77.5}}`,
		`{"healthCheck":{"http":{"url":"http://h","headers":{"B":"2","A":"1"},"expectStatus":[]}}}`,
		`{"healthCheck":{"http":{"url":"http://h","expectStatus":204},"timeoutMs":0.000001e6}}`,
		`{"healthCheck":{"grpc":{"address":"h:1","service":"s","tls":true}}}`,
		`{"healthCheck":{"command":{"argv":["true","<&>"]}}}`,
	} {
		opts := config.DecodeOptions{AllowCommand: true}
		s, err := config.DecodeService([]byte(in), opts)
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		stored, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		opts.Defaults = switchgear.Config{FailureThreshold: 99, ProbeTimeout: time.Hour, Jitter: 0.5}
		back, err := config.DecodeService(stored, opts)
		if err != nil {
			t.Fatalf("%s: %v", stored, err)
		}
		again, err := json.Marshal(back)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(stored), string(again)); diff != "" {
			t.Errorf("%s came back changed (-want +got):\n%s", in, diff)
		}
	}
}

func TestService_IsWrittenAsTheWireHasIt(t *testing.T) {
	t.Parallel()
	s := config.Service{Layer: "data", HealthCheck: &config.HealthCheck{TCP: &config.TCPCheck{Address: "h:1"}}}
	got, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	conf, err := json.Marshal(switchgear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"layer":"data","description":"","dependencies":[],"config":` + string(conf) +
		`,"healthCheck":{"tcp":{"address":"h:1"},"timeoutMs":5000},"reportIntervalMs":0}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestHealthCheck_ShowsNoSecret(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]config.HealthCheck{
		"GET https://h:1/p?…":    {HTTP: &config.HTTPCheck{URL: "https://user:secret@h:1/p?token=secret"}},
		"HEAD http://h/":         {HTTP: &config.HTTPCheck{URL: "http://h/", Method: "HEAD", Headers: map[string]string{"X": "secret"}}},
		"GET (not a URL)":        {HTTP: &config.HTTPCheck{URL: "http://secret%zz"}},
		"tcp h:1":                {TCP: &config.TCPCheck{Address: "h:1"}},
		"grpc h:1":               {GRPC: &config.GRPCCheck{Address: "h:1"}},
		"grpc h:1 pkg.Service":   {GRPC: &config.GRPCCheck{Address: "h:1", Service: "pkg.Service"}},
		"command psql":           {Command: &config.CommandCheck{Argv: []string{"/usr/bin/psql", "secret"}}},
		"no health check":        {},
		"GET http://secret.only": {HTTP: &config.HTTPCheck{URL: "http://secret.only"}},
	} {
		if got := h.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
