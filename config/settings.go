package config

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// Settings are how the manager's process runs. They can come from flags, the
// environment and the file; a zero field was not said. Their names in the file
// are those in brackets.
type Settings struct {
	// Listen is the address to serve on (server.listen): an IP address or host,
	// which may be empty for all, and a port, 0 for any free one. Default
	// 127.0.0.1:8080.
	Listen string

	// AllowedOrigins are the web pages, beside the server's own, that may open
	// a live stream (server.allowedOrigins): up to 100, each as a browser says
	// it, such as https://board.example.com. Default none.
	AllowedOrigins []string

	// MaxServices is how many services there may be (server.maxServices). 1 to
	// 1 000 000; default 20 000.
	MaxServices int

	// Data is the directory of the database (store.data), relative to the
	// working directory. Default ./data.
	Data string

	// LogLevel is the least that is logged (log.level): debug, info, warn or
	// error. Default info.
	LogLevel string

	// LogFormat is text or json (log.format). Default text.
	LogFormat string
}

const (
	maxOrigins  = 100
	maxServices = 1_000_000
	maxDataPath = 4096
)

var (
	logLevels  = []string{"debug", "info", "warn", "error"}
	logFormats = []string{"text", "json"}
)

// DefaultSettings are those that hold where nobody says otherwise.
func DefaultSettings() Settings {
	return Settings{
		Listen: "127.0.0.1:8080", MaxServices: 20_000, Data: "./data", LogLevel: "info", LogFormat: "text",
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
	or(&s.Data, next.Data)
	or(&s.LogLevel, next.LogLevel)
	or(&s.LogFormat, next.LogFormat)
	if s.AllowedOrigins == nil {
		s.AllowedOrigins = slices.Clone(next.AllowedOrigins)
	}
	if s.MaxServices == 0 {
		s.MaxServices = next.MaxServices
	}
	return s
}

// Validate returns a *FieldsError that names every setting that cannot be, as
// the file does, or nil.
func (s Settings) Validate() error {
	var bad problems
	s.check(&bad)
	return bad.orNil()
}

func (s Settings) check(bad *problems) {
	if s.Listen != "" {
		if host, port, err := net.SplitHostPort(s.Listen); err != nil || !isPort(port, 0) || hiddenRune(host, "") != "" {
			bad.add("server.listen", "%s is not an address and a port, such as 127.0.0.1:8080", quote(s.Listen))
		}
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
	if s.MaxServices < 0 || s.MaxServices > maxServices {
		bad.add("server.maxServices", "%d is not in 1 … %d", s.MaxServices, maxServices)
	}
	if what := hiddenRune(s.Data, ""); what != "" || len(s.Data) > maxDataPath {
		bad.add("store.data", "%s is not a path", quote(s.Data))
	}
	oneOf := func(field, v string, words []string) {
		if v != "" && !slices.Contains(words, v) {
			bad.add(field, "%s is not one of %s", quote(v), strings.Join(words, ", "))
		}
	}
	oneOf("log.level", s.LogLevel, logLevels)
	oneOf("log.format", s.LogFormat, logFormats)
}

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
		AllowedOrigins []string `json:"allowedOrigins"`
		MaxServices    *int     `json:"maxServices"`
	} `json:"server"`
	Store struct {
		Data *string `json:"data"`
	} `json:"store"`
	Log struct {
		Level  *string `json:"level"`
		Format *string `json:"format"`
	} `json:"log"`
}

// settings are what was said. What was said to be empty is an error: it is
// neither a value nor the default.
func (d *settingsJSON) settings(bad *problems) Settings {
	s := Settings{AllowedOrigins: d.Server.AllowedOrigins}
	text := func(field string, v *string) string {
		if v == nil {
			return ""
		}
		if *v == "" {
			bad.add(field, "is empty; leave it out for its default")
		}
		return *v
	}
	s.Listen = text("server.listen", d.Server.Listen)
	s.Data = text("store.data", d.Store.Data)
	s.LogLevel = text("log.level", d.Log.Level)
	s.LogFormat = text("log.format", d.Log.Format)
	if d.Server.MaxServices != nil {
		s.MaxServices = *d.Server.MaxServices
		if s.MaxServices == 0 {
			bad.add("server.maxServices", "0 is not in 1 … %d", maxServices)
		}
	}
	s.check(bad)
	return s
}
