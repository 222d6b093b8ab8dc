package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
)

func TestBus_ComesFromTheFile(t *testing.T) {
	t.Parallel()
	f, err := config.Parse("f", []byte(`bus:
  natsUrl: nats://a:b@one:4222, tls://two
  subjectPrefix: prod.switchgear
  natsCredentialsFile: nats.creds
  natsCaFile: ca.pem
  natsCertFile: node.pem
  natsKeyFile: node.key
`))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Bus{
		NATSURL: "nats://a:b@one:4222, tls://two", SubjectPrefix: "prod.switchgear", Credentials: "nats.creds",
		CA: "ca.pem", Certificate: "node.pem", Key: "node.key",
	}
	if diff := cmp.Diff(want, f.Settings.Bus); diff != "" {
		t.Errorf("bus (-want +got):\n%s", diff)
	}
}

func TestBus_TakesOneURLAndFillsTheRest(t *testing.T) {
	t.Parallel()
	flags := config.Settings{Bus: config.Bus{NATSURLFile: "url", Key: "k", Certificate: "c"}}
	file := config.Settings{Bus: config.Bus{NATSURL: "nats://h", SubjectPrefix: "p", Credentials: "creds", CA: "ca", Key: "k2", Certificate: "c2"}}
	want := config.Bus{NATSURLFile: "url", SubjectPrefix: "p", Credentials: "creds", CA: "ca", Key: "k", Certificate: "c"}
	if diff := cmp.Diff(want, flags.Or(file).Or(config.DefaultSettings()).Bus); diff != "" {
		t.Errorf("bus (-want +got):\n%s", diff)
	}
}

func TestBus_NamesWhatCannotBeWithoutShowingThePassword(t *testing.T) {
	t.Parallel()
	_, err := config.Parse("f", []byte(`bus:
  natsUrl: http://ada:hush-hush@host
  natsUrlFile: ""
  subjectPrefix: a.*
  natsCaFile: "a\0b"
  natsKeyFile: k
  natsurl: x
`))
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, want := range []string{
		"f:2: bus.natsUrl: must be nats://", "f:3: bus.natsUrlFile: ", `f:4: bus.subjectPrefix: "a.*" is not words`,
		"f:5: bus.natsCaFile: ", "bus: needs both of natsCertFile and natsKeyFile", "f:7: bus.natsurl: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hush") {
		t.Errorf("the error shows the password:\n%v", err)
	}
	for _, raw := range []string{"nats://", "host:4222", "nats://h:0", "nats://h,", "nats://h:x", "nats://h\n", "nats://" + strings.Repeat("h", 8192)} {
		if err := (config.Settings{Bus: config.Bus{NATSURL: raw}}).Validate(); err == nil {
			t.Errorf("%.20q was taken", raw)
		}
	}
	if err := (config.Settings{Bus: config.Bus{NATSURL: "nats://h", NATSURLFile: "f"}}).Validate(); err == nil {
		t.Error("two URLs were taken")
	}
}

func TestBus_ReadsItsURLFromTheEnvironmentAndFromFiles(t *testing.T) {
	t.Parallel()
	const secret = "nats://ada:hush-hush@host:4222"
	for _, env := range []map[string]string{
		{"SWITCHGEAR_NATS_URL": secret},
		{"SWITCHGEAR_NATS_URL_FILE": secretFile(t, secret+"\n")},
	} {
		got, err := config.Env(lookup(env))
		if err != nil || got.Settings.Bus.NATSURL != secret {
			t.Errorf("got %v, %v", got.Settings.Bus, err)
		}
	}
	_, err := config.Env(lookup(map[string]string{"SWITCHGEAR_NATS_URL_FILE": secretFile(t, "http://hush")}))
	if err == nil || !strings.HasPrefix(err.Error(), "SWITCHGEAR_NATS_URL_FILE: must be nats://") || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
	if got, err := (config.Bus{NATSURLFile: secretFile(t, secret+"\n")}).NATS(); got != secret || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := (config.Bus{NATSURL: secret}).NATS(); got != secret || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for _, file := range []string{secretFile(t, "http://hush"), "/nowhere"} {
		if _, err := (config.Bus{NATSURLFile: file}).NATS(); err == nil || !strings.HasPrefix(err.Error(), "bus.natsUrlFile: ") || strings.Contains(err.Error(), "hush") {
			t.Errorf("got %v", err)
		}
	}
}
