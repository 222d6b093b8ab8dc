package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
)

// alertSecret stands wherever a receiver can have a secret.
const alertSecret = "wherever-this-is-shown-it-is-lost"

func TestParse_AlertsOfAFileThatSaysNothingAreTheDefaults(t *testing.T) {
	t.Parallel()
	want := config.Alerts{GroupWait: 5 * time.Second, ResolveAfter: 30 * time.Second, RepeatInterval: 4 * time.Hour}
	for _, in := range []string{"", "alerts:\n", "alerts: { rules: {}, receivers: ~ }"} {
		file, err := config.Parse("f", []byte(in))
		if err != nil {
			t.Errorf("%q: %v", in, err)
		} else if diff := cmp.Diff(want, file.Alerts); diff != "" {
			t.Errorf("%q: alerts (-want +got):\n%s", in, diff)
		}
	}
}

func TestParse_TellsWhatIsWrongWithAlertsAndShowsNoSecret(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in string
		want     []string
	}{
		{"keys that nobody reads", "repeatInterval: 5\nreceivers: { ops: { slack: x, webhook: { url: 'http://h', token: SECRET } } }", []string{
			`f:2: alerts.repeatInterval: unknown field, did you mean "repeatIntervalMs"?`,
			"f:3: alerts.receivers.ops.slack: unknown field",
			"f:3: alerts.receivers.ops.webhook.token: unknown field",
		}},
		{"times", "groupWaitMs: 600001\nresolveAfterMs: -1\nrepeatIntervalMs: 59999", []string{
			"f:2: alerts.groupWaitMs: 600001 is not in 0 … 600000",
			"f:3: alerts.resolveAfterMs: -1 is not in 0 … 3600000",
			"f:4: alerts.repeatIntervalMs: 59999 is not in 60000 … 604800000, nor is it 0",
		}},
		{"a rule", "rules: { flapping: { openings: 1 } }", []string{"f:2: alerts.rules.flapping.openings: 1 is not in 2 … 100"}},
		{"a name", "receivers: { Ops: { alertmanager: { url: 'http://h' } } }", []string{
			`f:2: alerts.receivers: "Ops" is no name of a receiver: it must match [a-z0-9][a-z0-9_.:-]{0,127}`,
		}},
		{"no kind", "receivers: { a: {}, b: ~ }", []string{
			"f:2: alerts.receivers.a: needs one of webhook, alertmanager and notify",
			"f:2: alerts.receivers.b: needs one of webhook, alertmanager and notify",
		}},
		{"two kinds", "receivers: { a: { alertmanager: { url: 'http://h' }, notify: { urlFile: x } } }", []string{
			"f:2: alerts.receivers.a: can have one of webhook, alertmanager and notify, not alertmanager and notify",
		}},
		{"a webhook", "receivers: { a: { webhook: { url: 'ftp://u:SECRET@h/?SECRET', secret: '', secretFile: \"\\x01\", timeoutMs: 30001 } } }", []string{
			"f:2: alerts.receivers.a.webhook.secret: is empty; leave it out for its default",
			"f:2: alerts.receivers.a.webhook.url: must begin with http:// or https://",
			`f:2: alerts.receivers.a.webhook.secretFile: "\x01" is not a path`,
			"f:2: alerts.receivers.a.webhook.timeoutMs: 30001 is not in 100 … 30000",
		}},
		{"two secrets", "receivers: { a: { webhook: { url: 'http://h', secret: SECRET, secretFile: x } } }", []string{
			"f:2: alerts.receivers.a.webhook: can have one of secret and secretFile, not both",
		}},
		{"a long secret", "receivers: { a: { webhook: { url: 'http://h', secret: " + strings.Repeat(alertSecret, 200) + " } } }", []string{
			"f:2: alerts.receivers.a.webhook.secret: is longer than 4096 bytes",
		}},
		{"a secret that is no text", "receivers: { a: { webhook: { url: 'http://h', secret: 0123 }, x: 0123 } }", []string{
			"f:2: alerts.receivers.a.webhook.secret: is not a text: put it in quotes",
			`f:2: alerts.receivers.a.x: "0123" is not a number that all readers of YAML read alike: write it in decimal, or in quotes if it is a text`,
		}},
		{"an Alertmanager", "receivers: { a: { alertmanager: { url: 'http://h/?SECRET' } }, b: { alertmanager: {} }, c: { alertmanager: { url: 'http://h?' } } }", []string{
			"f:2: alerts.receivers.a.alertmanager.url: cannot have a query",
			"f:2: alerts.receivers.b.alertmanager.url: is required",
			"f:2: alerts.receivers.c.alertmanager.url: cannot have a query",
		}},
		{"a chat", "receivers: { a: { notify: { url: SECRET } }, b: { notify: { url: 'x://SECRET', urlFile: f } }, c: { notify: {} }, d: { notify: { url: 'x://a SECRET' } }, e: { notify: { url: '' } } }", []string{
			"f:2: alerts.receivers.a.notify.url: is not a URL that begins with a kind of service, such as discord://",
			"f:2: alerts.receivers.b.notify: can have one of url and urlFile, not both",
			"f:2: alerts.receivers.c.notify: needs one of url and urlFile",
			"f:2: alerts.receivers.d.notify.url: is not a URL that begins with a kind of service, such as discord://",
			"f:2: alerts.receivers.e.notify.url: is empty; leave it out for its default",
		}},
		{"routes", "receivers: { a: { alertmanager: { url: 'http://h' }, routes: [ { field: name, op: '==', value: x }, { field: service, op: =~, value: 'a)|(b' }, { field: layer, op: '=', value: \"\\x01\" } ] } }", []string{
			`f:2: alerts.receivers.a.routes[0].field: "name" is not one of service, kind, severity, layer, root, incident`,
			`f:2: alerts.receivers.a.routes[0].op: "==" is not one of =, !=, =~, !~`,
			"f:2: alerts.receivers.a.routes[1].value: is no regular expression: error parsing regexp: unexpected ): `a)|(b`",
			"f:2: alerts.receivers.a.routes[2].value: has the character U+0001, which does not show",
		}},
		{"many routes", "receivers: { a: { alertmanager: { url: 'http://h' }, routes: [" + strings.Repeat("{},", 21) + "] } }", []string{
			"f:2: alerts.receivers.a.routes: 21 are more than 20",
		}},
		{"many receivers", "receivers:\n" + manyReceivers(51), []string{"f:2: alerts.receivers: 51 are more than 50"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			in := "alerts:\n  " + strings.ReplaceAll(strings.ReplaceAll(tc.in, "SECRET", alertSecret), "\n", "\n  ")
			_, err := config.Parse("f", []byte(in))
			if _, ok := errors.AsType[*config.FileError](err); !ok {
				t.Fatalf("got %v, want a *FileError", err)
			}
			if diff := cmp.Diff(tc.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), alertSecret) {
				t.Error("a secret is shown")
			}
		})
	}
}

func manyReceivers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("  r" + strings.Repeat("x", i) + ": { alertmanager: { url: 'http://h' } }\n")
	}
	return b.String()
}

func TestParse_TakesFiftyReceiversAndARepeatThatNeverComes(t *testing.T) {
	t.Parallel()
	file, err := config.Parse("f", []byte("alerts:\n  repeatIntervalMs: 0\n  receivers:\n  "+
		strings.ReplaceAll(manyReceivers(50), "\n", "\n  ")))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(file.Alerts.Receivers); n != 50 || file.Alerts.RepeatInterval != 0 || file.Alerts.Receivers[0].Kind() != "alertmanager" {
		t.Errorf("got %d receivers and a repeat after %v", n, file.Alerts.RepeatInterval)
	}
}

func TestReceivers_TheirSecretsCanBeInFiles(t *testing.T) {
	t.Parallel()
	path := func(content string) string {
		p := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	key := func(w config.WebhookReceiver) func() (string, error) { return w.Key }
	address := func(n config.NotifyReceiver) func() (string, error) { return n.Address }
	url := "ntfy://u:" + alertSecret + "@host/topic"
	for _, tc := range []struct {
		name    string
		read    func() (string, error)
		want    string
		because string
	}{
		{"no secret", key(config.WebhookReceiver{}), "", ""},
		{"a secret", key(config.WebhookReceiver{Secret: alertSecret}), alertSecret, ""},
		{"its file", key(config.WebhookReceiver{SecretFile: path(alertSecret + "\n")}), alertSecret, ""},
		{"an empty file", key(config.WebhookReceiver{SecretFile: path(" \n")}), "", "secretFile: "},
		{"a long secret in a file", key(config.WebhookReceiver{SecretFile: path(strings.Repeat(alertSecret, 200))}), "", "is longer than 4096 bytes"},
		{"no file", key(config.WebhookReceiver{SecretFile: filepath.Join(t.TempDir(), "x")}), "", "no such file"},
		{"a URL", address(config.NotifyReceiver{URL: url}), url, ""},
		{"a URL in a file", address(config.NotifyReceiver{URLFile: path("\n" + url + "\n")}), url, ""},
		{"no URL in a file", address(config.NotifyReceiver{URLFile: path(alertSecret)}), "", "is not a URL that begins with"},
		{"two in a file", address(config.NotifyReceiver{URLFile: path(url + "\n" + url)}), "", "is not a URL that begins with"},
		{"no file of a URL", address(config.NotifyReceiver{URLFile: filepath.Join(t.TempDir(), "x")}), "", "urlFile: "},
	} {
		got, err := tc.read()
		switch {
		case tc.because == "" && (err != nil || got != tc.want):
			t.Errorf("%s: got %q (%v), want %q", tc.name, got, err, tc.want)
		case tc.because != "" && (err == nil || !strings.Contains(err.Error(), tc.because) || got != ""):
			t.Errorf("%s: got %q (%v), want an error with %q", tc.name, got, err, tc.because)
		case err != nil && strings.Contains(err.Error(), alertSecret):
			t.Errorf("%s: shown: %v", tc.name, err)
		}
	}
}
