package config

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Environment is what the environment says. A variable that is empty says
// nothing.
type Environment struct {
	// Settings are of SWITCHGEAR_LISTEN, SWITCHGEAR_PUBLIC_URL,
	// SWITCHGEAR_ADVERTISE_URL, SWITCHGEAR_ALLOWED_ORIGINS and SWITCHGEAR_ALLOWED_TARGETS (with commas
	// between), SWITCHGEAR_DATA,
	// SWITCHGEAR_LOG_LEVEL, SWITCHGEAR_LOG_FORMAT, SWITCHGEAR_METRICS_DURATIONS,
	// SWITCHGEAR_MESSAGES_PER_MINUTE, SWITCHGEAR_SOCKETS_PER_IDENTITY,
	// SWITCHGEAR_POSTGRES_MAX_CONNECTIONS, SWITCHGEAR_DATABASE_URL or the content
	// of the file that SWITCHGEAR_DATABASE_URL_FILE names, and of
	// SWITCHGEAR_JWT_SECRET or the content of the file that
	// SWITCHGEAR_JWT_SECRET_FILE names, the JWT's Secret; and of
	// SWITCHGEAR_NATS_URL or SWITCHGEAR_NATS_URL_FILE likewise, the Bus's
	// NATSURL.
	Settings Settings

	// Config is the path of the config file: SWITCHGEAR_CONFIG.
	Config string

	// AdminToken is the administrator's token, [A-Za-z0-9_-]{20,256}:
	// SWITCHGEAR_ADMIN_TOKEN, or the content of the file that
	// SWITCHGEAR_ADMIN_TOKEN_FILE names.
	AdminToken string

	// URL and Token are the manager that the client commands speak to, and
	// what they show it: SWITCHGEAR_URL, and SWITCHGEAR_TOKEN or
	// SWITCHGEAR_TOKEN_FILE.
	URL   string
	Token string
}

var (
	adminTokenForm = regexp.MustCompile(`^[A-Za-z0-9_-]{20,256}$`)
	tokenForm      = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
)

// maxSecretFile is room for any token and what an editor puts behind it.
const maxSecretFile = 64 << 10

// Env reads the environment through lookup, which is os.LookupEnv in a program.
// A secret in a file is trimmed of white space. The error tells every variable
// that is bad, by name, and no secret.
func Env(lookup func(name string) (value string, ok bool)) (Environment, error) {
	r := envReader{lookup: lookup}
	e := Environment{
		Settings: Settings{
			Listen:         r.text("SWITCHGEAR_LISTEN"),
			PublicURL:      r.text("SWITCHGEAR_PUBLIC_URL"),
			AdvertiseURL:   r.text("SWITCHGEAR_ADVERTISE_URL"),
			AllowedOrigins: r.list("SWITCHGEAR_ALLOWED_ORIGINS"),
			AllowedTargets: r.list("SWITCHGEAR_ALLOWED_TARGETS"),
			Data:           r.text("SWITCHGEAR_DATA"),
			LogLevel:       r.text("SWITCHGEAR_LOG_LEVEL"),
			LogFormat:      r.text("SWITCHGEAR_LOG_FORMAT"),

			MetricsDurations: r.text("SWITCHGEAR_METRICS_DURATIONS"),
		},
		Config:     r.text("SWITCHGEAR_CONFIG"),
		AdminToken: r.token("SWITCHGEAR_ADMIN_TOKEN", adminTokenForm),
		URL:        r.text("SWITCHGEAR_URL"),
		Token:      r.token("SWITCHGEAR_TOKEN", tokenForm),
	}
	r.settings(&e.Settings)
	if e.URL != "" && !isBaseURL(e.URL) {
		r.fail("SWITCHGEAR_URL", baseURLForm)
	}
	return e, errors.Join(r.errs...)
}

const baseURLForm = "must be an http:// or https:// URL without user, query and fragment"

func isBaseURL(raw string) bool {
	u, err := url.Parse(raw)
	return badURL(raw) == "" && err == nil && u.User == nil && u.RawQuery == "" && !u.ForceQuery
}

type envReader struct {
	lookup func(string) (string, bool)
	errs   []error
}

func (r *envReader) fail(name, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(name+": "+format, args...))
}

func (r *envReader) text(name string) string {
	v, _ := r.lookup(name)
	return v
}

func (r *envReader) list(name string) []string {
	var list []string
	for item := range strings.SplitSeq(r.text(name), ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// variables are the names of settings in the environment, after those in the
// file.
var variables = []string{
	"server.listen", "SWITCHGEAR_LISTEN",
	"server.publicUrl", "SWITCHGEAR_PUBLIC_URL",
	"server.advertiseUrl", "SWITCHGEAR_ADVERTISE_URL",
	"server.allowedOrigins", "SWITCHGEAR_ALLOWED_ORIGINS",
	"server.allowedTargets", "SWITCHGEAR_ALLOWED_TARGETS",
	"server.limits.messagesPerMinute", "SWITCHGEAR_MESSAGES_PER_MINUTE",
	"server.limits.socketsPerIdentity", "SWITCHGEAR_SOCKETS_PER_IDENTITY",
	"store.data", "SWITCHGEAR_DATA",
	"store.postgres.maxConnections", "SWITCHGEAR_POSTGRES_MAX_CONNECTIONS",
	"metrics.durations", "SWITCHGEAR_METRICS_DURATIONS",
	"log.level", "SWITCHGEAR_LOG_LEVEL",
	"log.format", "SWITCHGEAR_LOG_FORMAT",
}

// settings adds the settings that are no text, and reports what is bad by the
// name of its variable.
func (r *envReader) settings(s *Settings) {
	secret, source := r.secret("SWITCHGEAR_JWT_SECRET")
	if secret != "" {
		s.JWT = &JWT{Secret: secret}
	}
	database, databaseSource := r.secret("SWITCHGEAR_DATABASE_URL")
	s.DatabaseURL = database
	var natsSource string
	s.Bus.NATSURL, natsSource = r.secret("SWITCHGEAR_NATS_URL")
	names := strings.NewReplacer(slices.Concat( // of two that begin alike the longer first
		[]string{"auth.jwt.secret", source, "store.databaseUrl", databaseSource, "bus.natsUrl", natsSource}, variables)...)
	for _, n := range numbersOf(s) {
		if name := names.Replace(n.field); name != n.field {
			r.number(name, n)
		}
	}
	var bad problems
	s.check(&bad)
	for _, f := range bad {
		r.fail(names.Replace(f.Field), "%s", f.Message)
	}
}

// number reads a whole number, and reports it where it is none, or zero, which
// stands for nothing said.
func (r *envReader) number(name string, n number) {
	text := r.text(name)
	if text == "" {
		return
	}
	value, err := strconv.Atoi(text)
	if err != nil {
		r.fail(name, "%s is not a whole number in %d … %d", quote(text), n.least, n.most)
		return
	}
	if *n.value = value; value == 0 {
		r.fail(name, "%s", n.outOfRange())
	}
}

func (r *envReader) token(name string, form *regexp.Regexp) string {
	value, source := r.secret(name)
	if value != "" && !form.MatchString(value) {
		r.fail(source, "the token does not match %s", form)
		return ""
	}
	return value
}

// secret reads a variable, or the file that its twin names. source is the
// variable that it is of.
func (r *envReader) secret(name string) (value, source string) {
	value, path := r.text(name), r.text(name+"_FILE")
	switch {
	case value != "" && path != "":
		r.fail(name, "both it and %s_FILE are set", name)
		return "", name
	case path == "":
		return value, name
	}
	source = name + "_FILE"
	value, err := readSecret(path)
	if err != nil {
		r.fail(source, "%w", err)
	}
	return value, source
}

// absolute is where a relative path leads from here, for errors: who reads them
// may be elsewhere.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

func readSecret(path string) (string, error) {
	path = absolute(path)
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	switch {
	case err != nil:
		return "", err
	case len(b) > maxSecretFile:
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxSecretFile)
	}
	secret := strings.TrimSpace(string(b))
	if secret == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return secret, nil
}
