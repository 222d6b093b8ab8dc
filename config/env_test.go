package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
)

const adminToken = "abcdefghijklmnopqrst-_0"

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}
}

func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEnv_ReadsEveryVariable(t *testing.T) {
	t.Parallel()
	got, err := config.Env(lookup(map[string]string{
		"SWITCHGEAR_LISTEN":           ":9000",
		"SWITCHGEAR_PUBLIC_URL":       "https://board.example",
		"SWITCHGEAR_ALLOWED_ORIGINS":  " https://a.example ,, http://b.example:81,",
		"SWITCHGEAR_ALLOWED_TARGETS":  "loopback, 10.0.0.0/8",
		"SWITCHGEAR_DATA":             "/var/lib/switchgear",
		"SWITCHGEAR_LOG_LEVEL":        "warn",
		"SWITCHGEAR_LOG_FORMAT":       "json",
		"SWITCHGEAR_CONFIG":           "/etc/switchgear.yaml",
		"SWITCHGEAR_ADMIN_TOKEN_FILE": secretFile(t, "\n "+adminToken+"\r\n"),
		"SWITCHGEAR_URL":              "https://manager.example/base",
		"SWITCHGEAR_TOKEN":            "ey.ab.cd",
		"SWITCHGEAR_JWT_SECRET":       jwtSecret,

		"SWITCHGEAR_METRICS_DURATIONS":    "layer",
		"SWITCHGEAR_MESSAGES_PER_MINUTE":  "600",
		"SWITCHGEAR_SOCKETS_PER_IDENTITY": "7",

		"SWITCHGEAR_DATABASE_URL_FILE":        secretFile(t, "postgres://u:p@db/x\n"),
		"SWITCHGEAR_POSTGRES_MAX_CONNECTIONS": "4",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Environment{
		Settings: config.Settings{
			Listen: ":9000", PublicURL: "https://board.example", AllowedOrigins: []string{"https://a.example", "http://b.example:81"},
			AllowedTargets: []string{"loopback", "10.0.0.0/8"},
			Limits:         config.Limits{MessagesPerMinute: 600, SocketsPerIdentity: 7},
			JWT:            &config.JWT{Secret: jwtSecret},
			DatabaseURL:    "postgres://u:p@db/x", MaxConnections: 4,
			Data: "/var/lib/switchgear", LogLevel: "warn", LogFormat: "json", MetricsDurations: "layer",
		},
		Config: "/etc/switchgear.yaml", AdminToken: adminToken, URL: "https://manager.example/base", Token: "ey.ab.cd",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestEnv_TakesAnEmptyVariableForNone(t *testing.T) {
	t.Parallel()
	for _, empty := range []func(string) (string, bool){
		func(string) (string, bool) { return "", false },
		func(string) (string, bool) { return "", true },
	} {
		got, err := config.Env(empty)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(config.Environment{}, got); diff != "" {
			t.Errorf("environment (-want +got):\n%s", diff)
		}
	}
}

func TestEnv_NamesEveryBadVariableAndNoSecret(t *testing.T) {
	t.Parallel()
	const secret = "sekret!"
	_, err := config.Env(lookup(map[string]string{
		"SWITCHGEAR_LISTEN":           "nowhere",
		"SWITCHGEAR_ALLOWED_ORIGINS":  "https://a.example/",
		"SWITCHGEAR_LOG_LEVEL":        "loud",
		"SWITCHGEAR_LOG_FORMAT":       "xml",
		"SWITCHGEAR_ADMIN_TOKEN":      secret,
		"SWITCHGEAR_URL":              "https://u:" + secret + "@manager.example",
		"SWITCHGEAR_TOKEN":            secret,
		"SWITCHGEAR_TOKEN_FILE":       "/x",
		"SWITCHGEAR_ADMIN_TOKEN_FILE": "",
		"SWITCHGEAR_ALLOWED_TARGETS":  "everything",
		"SWITCHGEAR_JWT_SECRET":       secret,

		"SWITCHGEAR_MESSAGES_PER_MINUTE":  "many",
		"SWITCHGEAR_SOCKETS_PER_IDENTITY": "0",

		"SWITCHGEAR_DATABASE_URL":             "mysql://u:" + secret + "@h/",
		"SWITCHGEAR_POSTGRES_MAX_CONNECTIONS": "2",
	}))
	if err == nil {
		t.Fatal("got no error")
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the error has a secret in it: %v", err)
	}
	want := []string{
		`SWITCHGEAR_ADMIN_TOKEN: the token does not match ^[A-Za-z0-9_-]{20,256}$`,
		`SWITCHGEAR_TOKEN: both it and SWITCHGEAR_TOKEN_FILE are set`,
		`SWITCHGEAR_MESSAGES_PER_MINUTE: "many" is not a whole number in 1 … 100000`,
		`SWITCHGEAR_SOCKETS_PER_IDENTITY: 0 is not in 1 … 1000000`,
		`SWITCHGEAR_LISTEN: "nowhere" is not an address and a port, such as 127.0.0.1:8080`,
		`SWITCHGEAR_ALLOWED_ORIGINS: "https://a.example/" is not what a browser sends as the origin of a page, such as https://board.example.com or http://127.0.0.1:3000`,
		`SWITCHGEAR_ALLOWED_TARGETS: "everything" is not loopback, private, an IP address or a range such as 10.0.0.0/8`,
		`SWITCHGEAR_POSTGRES_MAX_CONNECTIONS: 2 is not in 3 … 1000`,
		`SWITCHGEAR_DATABASE_URL: is not the URL of a PostgreSQL database, such as postgres://switchgear@db.example.com/switchgear?sslmode=verify-full`,
		`SWITCHGEAR_JWT_SECRET: is shorter than 32 bytes`,
		`SWITCHGEAR_LOG_LEVEL: "loud" is not one of debug, info, warn, error`,
		`SWITCHGEAR_LOG_FORMAT: "xml" is not one of text, json`,
		`SWITCHGEAR_URL: must be an http:// or https:// URL without user, query and fragment`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestEnv_ReadsTheJWTSecretFromAFile(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ content, want string }{
		{" " + jwtSecret + "\n", ""},
		{jwtSecret[:31] + "\n", "SWITCHGEAR_JWT_SECRET_FILE: is shorter than 32 bytes"},
	} {
		got, err := config.Env(lookup(map[string]string{"SWITCHGEAR_JWT_SECRET_FILE": secretFile(t, tc.content)}))
		switch {
		case tc.want == "" && (err != nil || got.Settings.JWT == nil || got.Settings.JWT.Secret != jwtSecret):
			t.Errorf("got %v and %v, want the secret", got.Settings.JWT, err)
		case tc.want != "" && (err == nil || err.Error() != tc.want):
			t.Errorf("got %v, want %s", err, tc.want)
		}
	}
}

func TestEnv_RefusesASecretFileThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"missing":   filepath.Join(t.TempDir(), "none"),
		"empty":     secretFile(t, " \n"),
		"large":     secretFile(t, strings.Repeat("a", 64<<10+1)),
		"bad token": secretFile(t, "two words of a token"),
		"a folder":  t.TempDir(),
	} {
		_, err := config.Env(lookup(map[string]string{"SWITCHGEAR_ADMIN_TOKEN_FILE": path}))
		if err == nil || !strings.HasPrefix(err.Error(), "SWITCHGEAR_ADMIN_TOKEN_FILE: ") {
			t.Errorf("%s: got %v, want an error that names the variable", name, err)
		}
	}
}
