package app

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	// complainEvery is how often the log is told that telemetry fails: a collector
	// that is away fails all the time.
	complainEvery = 5 * time.Minute
	// maxComplaint bounds what of an error is logged: some quote the collector's
	// answer.
	maxComplaint = 400

	complaint = "OpenTelemetry does not work as it should"
)

// complaints tell the log what is wrong with telemetry: each first one, then one
// in five minutes with the number of those in between. Never a secret of the
// environment.
type complaints struct {
	log     *slog.Logger
	secrets *strings.Replacer

	mu     sync.Mutex
	at     time.Time // of the last one that was logged
	unsaid int
}

func newComplaints(log *slog.Logger) *complaints {
	var pairs []string
	for _, secret := range headerSecrets() {
		if secret != "" {
			pairs = append(pairs, secret, "…")
		}
	}
	return &complaints{log: log, secrets: strings.NewReplacer(pairs...)}
}

// of complains of an error, if there is one.
func (c *complaints) of(err error) {
	if err != nil {
		c.say(err.Error())
	}
}

func (c *complaints) say(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.at.IsZero() && time.Since(c.at) < complainEvery {
		c.unsaid++
		return
	}
	c.at = time.Now()
	c.log.Warn(complaint, slog.String("error", c.clean(what)), slog.Int("unsaid", c.unsaid))
	c.unsaid = 0
}

// always is of, of what happens once, at the beginning or at the end.
func (c *complaints) always(err error) {
	if err != nil {
		c.log.Warn(complaint, slog.String("error", c.clean(err.Error())))
	}
}

func (c *complaints) clean(text string) string {
	text = c.secrets.Replace(text)
	if len(text) > maxComplaint {
		text = strings.ToValidUTF8(text[:maxComplaint], "") + "…"
	}
	return text
}

// terse is where the SDK logs to. Of its complaints it keeps what they are about,
// and not what they quote.
type terse struct{ *complaints }

// Enabled implements slog.Handler.
func (terse) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

// Handle implements slog.Handler.
func (t terse) Handle(_ context.Context, r slog.Record) error {
	t.say("the SDK could not " + r.Message)
	return nil
}

// WithAttrs implements slog.Handler.
func (t terse) WithAttrs([]slog.Attr) slog.Handler { return t }

// WithGroup implements slog.Handler.
func (t terse) WithGroup(string) slog.Handler { return t }
