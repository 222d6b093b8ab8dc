package config

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Settings are how the manager's process runs. They can come from flags, the
// environment and the file; a zero field was not said. Their names in the file
// are those in brackets.
type Settings struct {
	// Listen is the address to serve on (server.listen): an IP address or host,
	// which may be empty for all, and a port, 0 for any free one. Default
	// 127.0.0.1:8080.
	Listen string

	// PublicURL is where browsers find the dashboard, for the links of messages
	// (server.publicUrl): an http or https URL without user, query and fragment,
	// of up to 2 048 bytes; Or takes a slash at its end away. Empty, the default:
	// where it listens.
	PublicURL string

	// AdvertiseURL is where other nodes of the same manager reach this one
	// (server.advertiseUrl): as PublicURL. Empty, the default: where it listens,
	// by the machine's name where that is everywhere.
	AdvertiseURL string

	// AllowedOrigins are the web pages, beside the server's own, that may open
	// a live stream (server.allowedOrigins): up to 100, each as a browser says
	// it, such as https://board.example.com. Default none.
	AllowedOrigins []string

	// AllowedTargets are the addresses, beside the public ones, that health
	// checks declared over the API may connect to (server.allowedTargets): up
	// to 100, each as ParseTarget reads it. Default none. Checks of the config
	// file need none of this. Some addresses are never connected to: see
	// NeverTarget.
	AllowedTargets []string

	// MaxServices is how many services there may be (server.maxServices). 1 to
	// 1 000 000; default 20 000.
	MaxServices int

	// Limits are how much one client may do (server.limits).
	Limits Limits

	// JWT says which JSON Web Tokens are accepted (auth.jwt). nil, the default:
	// none.
	JWT *JWT

	// Data is the directory of the database (store.data), relative to the
	// working directory. Default ./data.
	Data string

	// DatabaseURL is the PostgreSQL database that takes the place of the one in
	// Data (store.databaseUrl): postgres:// or postgresql://, of up to 4 096
	// bytes. It may have a password in it, so no error shows it. Empty, the
	// default: SQLite.
	DatabaseURL string

	// MaxConnections is how many connections to PostgreSQL there are at most
	// (store.postgres.maxConnections). 3 to 1 000; default 10.
	MaxConnections int

	// Series are how long the series of services are kept (store.series).
	Series Series

	// Bus is by what nodes tell each other of changes (bus).
	Bus Bus

	// ForgetInstances is after how long an instance of a service of agents is
	// forgotten of which nothing is heard (fleet.forgetInstancesMs), unless it is
	// the last of its service. 1 min to 30 days; default 1 h.
	ForgetInstances time.Duration

	// Lease is how long after the last sign of life of the node that leads another
	// takes over, where several managers share a database (fleet.leaseMs). 500 ms
	// to 1 min; default 5 s.
	Lease time.Duration

	// MetricsDurations says by what /metrics keeps histograms of durations, and
	// transitions (metrics.durations): service, layer, or auto, which is by
	// service up to 2 000 services. Default auto.
	MetricsDurations string

	// LogLevel is the least that is logged (log.level): debug, info, warn or
	// error. Default info.
	LogLevel string

	// LogFormat is text or json (log.format). Default text.
	LogFormat string
}

// Limits are how much one client may do. Each has a place under server.limits
// in the file; zero was not said.
type Limits struct {
	// MessagesPerMinute is how many messages an identity may send in any 60 s,
	// over all its sockets (messagesPerMinute). 1 to 100 000; default 60.
	MessagesPerMinute int

	// SocketsPerIdentity is how many live streams an identity may have open at
	// a time (socketsPerIdentity). 1 to 1 000 000; default 20.
	SocketsPerIdentity int

	// LoginsPerMinute is how many failed log-ins an address may make in a
	// minute (loginsPerMinute). 1 to 1 000; default 10.
	LoginsPerMinute int

	// Agents is how many agents may be connected to a node at a time (agents). 1 to
	// 1 000 000; default 10 000.
	Agents int

	// ServicesPerAgent is how many services an agent may have (servicesPerAgent).
	// 1 to 100 000; default 1 000.
	ServicesPerAgent int
}

const (
	maxOrigins = 100
	maxTargets = 100
	maxPath    = 4096 // bytes
)

var (
	logLevels  = []string{"debug", "info", "warn", "error"}
	logFormats = []string{"text", "json"}
	groupings  = []string{"auto", "service", "layer"}
)

// DefaultSettings are those that hold where nobody says otherwise.
func DefaultSettings() Settings {
	return Settings{
		Listen: "127.0.0.1:8080", MaxServices: 20_000, Data: "./data", LogLevel: "info", LogFormat: "text",
		MetricsDurations: "auto", MaxConnections: 10,
		Limits: Limits{MessagesPerMinute: 60, SocketsPerIdentity: 20, LoginsPerMinute: 10, Agents: 10_000, ServicesPerAgent: 1000},
		Series: defaultSeries, ForgetInstances: defaultForgetInstances, Lease: defaultLease,
	}
}

// number is a setting that is a whole number from 1, or from more.
type number struct {
	field       string
	value       *int
	least, most int
}

func (n number) outOfRange() string {
	return fmt.Sprintf("%d is not in %d … %d", *n.value, n.least, n.most)
}

func numbersOf(s *Settings) []number {
	return []number{
		{"server.maxServices", &s.MaxServices, 1, 1_000_000},
		{"server.limits.messagesPerMinute", &s.Limits.MessagesPerMinute, 1, 100_000},
		{"server.limits.socketsPerIdentity", &s.Limits.SocketsPerIdentity, 1, 1_000_000},
		{"server.limits.loginsPerMinute", &s.Limits.LoginsPerMinute, 1, 1_000},
		{"server.limits.agents", &s.Limits.Agents, 1, 1_000_000},
		{"server.limits.servicesPerAgent", &s.Limits.ServicesPerAgent, 1, 100_000},
		{"store.postgres.maxConnections", &s.MaxConnections, 3, 1_000},
	}
}

// Or is s with what it does not say taken from next. So flags.Or(environment).
// Or(file).Or(DefaultSettings()) is what holds.
func (s Settings) Or(next Settings) Settings {
	or := func(v *string, next string) {
		if *v == "" {
			*v = next
		}
	}
	or(&s.Listen, next.Listen)
	or(&s.PublicURL, next.PublicURL)
	s.PublicURL = strings.TrimRight(s.PublicURL, "/") // links go on with one
	or(&s.AdvertiseURL, next.AdvertiseURL)
	s.AdvertiseURL = strings.TrimRight(s.AdvertiseURL, "/")
	or(&s.Data, next.Data)
	or(&s.DatabaseURL, next.DatabaseURL)
	or(&s.MetricsDurations, next.MetricsDurations)
	or(&s.LogLevel, next.LogLevel)
	or(&s.LogFormat, next.LogFormat)
	if s.AllowedOrigins == nil {
		s.AllowedOrigins = slices.Clone(next.AllowedOrigins)
	}
	if s.AllowedTargets == nil {
		s.AllowedTargets = slices.Clone(next.AllowedTargets)
	}
	others := numbersOf(&next)
	for i, n := range numbersOf(&s) {
		if *n.value == 0 {
			*n.value = *others[i].value
		}
	}
	s.ForgetInstances = cmp.Or(s.ForgetInstances, next.ForgetInstances)
	s.Lease = cmp.Or(s.Lease, next.Lease)
	s.Series.fill(next.Series)
	s.JWT = s.JWT.or(next.JWT)
	s.Bus = s.Bus.or(next.Bus)
	return s
}

// Validate returns a *FieldsError that names every setting that cannot be, as
// the file does, or nil. No error has a secret in it.
func (s Settings) Validate() error {
	var bad problems
	s.check(&bad)
	if s.JWT != nil && s.JWT.keys() == nil {
		bad.add("auth.jwt", "needs one of secret, secretFile and jwksUrl, or SWITCHGEAR_JWT_SECRET in the environment")
	}
	return bad.orNil()
}

// check is Validate for what one source says, which another may complete.
func (s Settings) check(bad *problems) {
	if s.Listen != "" {
		if host, port, err := net.SplitHostPort(s.Listen); err != nil || !isPort(port, 0) || hiddenRune(host, "") != "" {
			bad.add("server.listen", "%s is not an address and a port, such as 127.0.0.1:8080", quote(s.Listen))
		}
	}
	if s.PublicURL != "" && !isBaseURL(s.PublicURL) {
		bad.add("server.publicUrl", baseURLForm)
	}
	if s.AdvertiseURL != "" && !isBaseURL(s.AdvertiseURL) {
		bad.add("server.advertiseUrl", baseURLForm)
	}
	if len(s.AllowedOrigins) > maxOrigins {
		bad.add("server.allowedOrigins", "%d are more than %d", len(s.AllowedOrigins), maxOrigins)
	}
	for _, origin := range s.AllowedOrigins {
		if !isOrigin(origin) {
			bad.add("server.allowedOrigins", "%s is not what a browser sends as the origin of a page, "+
				"such as https://board.example.com or http://127.0.0.1:3000", quote(origin))
		}
	}
	if len(s.AllowedTargets) > maxTargets {
		bad.add("server.allowedTargets", "%d are more than %d", len(s.AllowedTargets), maxTargets)
	}
	for _, target := range s.AllowedTargets {
		if _, err := ParseTarget(target); err != nil {
			bad.add("server.allowedTargets", "%v", err)
		}
	}
	for _, n := range numbersOf(&s) {
		if *n.value != 0 && (*n.value < n.least || *n.value > n.most) {
			bad.add(n.field, "%s", n.outOfRange())
		}
	}
	if !isPath(s.Data) {
		bad.add("store.data", "%s is not a path", quote(s.Data))
	}
	if s.DatabaseURL != "" && !isDatabaseURL(s.DatabaseURL) {
		bad.add("store.databaseUrl", "is not the URL of a PostgreSQL database, such as postgres://switchgear@db.example.com/switchgear?sslmode=verify-full")
	}
	checkForget(bad, s.ForgetInstances)
	checkLease(bad, s.Lease)
	s.Series.check(bad)
	s.JWT.check(bad)
	s.Bus.check(bad)
	oneOf := func(field, v string, words []string) {
		if v != "" && !slices.Contains(words, v) {
			bad.add(field, "%s is not one of %s", quote(v), strings.Join(words, ", "))
		}
	}
	oneOf("metrics.durations", s.MetricsDurations, groupings)
	oneOf("log.level", s.LogLevel, logLevels)
	oneOf("log.format", s.LogFormat, logFormats)
}

// isDatabaseURL looks no further than at the beginning: the rest is the driver's
// to judge.
func isDatabaseURL(s string) bool {
	return isPath(s) && (strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://"))
}

func isPath(s string) bool { return len(s) <= maxPath && hiddenRune(s, "") == "" }

// isOrigin reports whether s can be the Origin header of a browser (RFC 6454,
// section 6.2), which is compared letter by letter: a default port, a capital
// or a slash at the end would match nothing.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	defaults := map[string]string{"http": "80", "https": "443"}
	port := u.Port()
	return s == u.Scheme+"://"+strings.ToLower(u.Host) && !strings.HasSuffix(s, ":") && !strings.ContainsAny(s, "*,") &&
		(port == "" || isPort(port, 1) && port != defaults[u.Scheme])
}

// settingsJSON are the sections of the file that hold settings.
type settingsJSON struct {
	Server struct {
		Listen         *string  `json:"listen"`
		PublicURL      *string  `json:"publicUrl"`
		AdvertiseURL   *string  `json:"advertiseUrl"`
		AllowedOrigins []string `json:"allowedOrigins"`
		AllowedTargets []string `json:"allowedTargets"`
		MaxServices    *int     `json:"maxServices"`
		Limits         struct {
			MessagesPerMinute  *int `json:"messagesPerMinute"`
			SocketsPerIdentity *int `json:"socketsPerIdentity"`
			LoginsPerMinute    *int `json:"loginsPerMinute"`
			Agents             *int `json:"agents"`
			ServicesPerAgent   *int `json:"servicesPerAgent"`
		} `json:"limits"`
	} `json:"server"`
	Auth struct {
		JWT *jwtJSON `json:"jwt"`
	} `json:"auth"`
	Store struct {
		Data        *string `json:"data"`
		DatabaseURL *string `json:"databaseUrl"`
		Postgres    struct {
			MaxConnections *int `json:"maxConnections"`
		} `json:"postgres"`
		Series seriesJSON `json:"series"`
	} `json:"store"`
	Fleet   fleetJSON `json:"fleet"`
	Bus     busJSON   `json:"bus"`
	Metrics struct {
		Durations *string `json:"durations"`
	} `json:"metrics"`
	Log struct {
		Level  *string `json:"level"`
		Format *string `json:"format"`
	} `json:"log"`
}

// settings are what was said. What was said to be empty is an error: it is
// neither a value nor the default.
func (d *settingsJSON) settings(bad *problems) Settings {
	s := Settings{AllowedOrigins: d.Server.AllowedOrigins, AllowedTargets: d.Server.AllowedTargets}
	text := func(field string, v *string) string { return saidText(bad, field, v) }
	s.Listen = text("server.listen", d.Server.Listen)
	s.PublicURL = text("server.publicUrl", d.Server.PublicURL)
	s.AdvertiseURL = text("server.advertiseUrl", d.Server.AdvertiseURL)
	s.Data = text("store.data", d.Store.Data)
	s.DatabaseURL = text("store.databaseUrl", d.Store.DatabaseURL)
	s.MetricsDurations = text("metrics.durations", d.Metrics.Durations)
	s.LogLevel = text("log.level", d.Log.Level)
	s.LogFormat = text("log.format", d.Log.Format)
	limits := d.Server.Limits
	said := []*int{
		d.Server.MaxServices, limits.MessagesPerMinute, limits.SocketsPerIdentity, limits.LoginsPerMinute, limits.Agents, limits.ServicesPerAgent,
		d.Store.Postgres.MaxConnections,
	}
	for i, n := range numbersOf(&s) {
		if said[i] == nil {
			continue
		}
		if *n.value = *said[i]; *n.value == 0 {
			bad.add(n.field, "%s", n.outOfRange())
		}
	}
	s.ForgetInstances = d.Fleet.forgetInstances(bad)
	s.Lease = d.Fleet.lease(bad)
	s.Series = d.Store.Series.series(bad)
	s.JWT = d.Auth.JWT.jwt(bad, text)
	s.Bus = d.Bus.bus(text)
	s.check(bad)
	return s
}
