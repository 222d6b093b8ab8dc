package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/degenduel/switchgear/alert/notify"
	"github.com/degenduel/switchgear/app"
	"github.com/degenduel/switchgear/config"
)

// defaultConfig is the config file that is taken, if it is there, where none
// is named.
const defaultConfig = "switchgear.yaml"

type serveCmd struct {
	Listen        string   `placeholder:"ADDRESS" help:"Where to listen (SWITCHGEAR_LISTEN; default 127.0.0.1:8080)."`
	PublicURL     string   `placeholder:"URL" help:"Where browsers find the dashboard, for the links of messages (SWITCHGEAR_PUBLIC_URL; default where it listens)."`
	Data          string   `placeholder:"DIR" help:"Where the database is (SWITCHGEAR_DATA; default ./data)."`
	DatabaseURL   string   `placeholder:"URL" help:"The PostgreSQL database that takes its place, postgres://… (SWITCHGEAR_DATABASE_URL, where others on the machine do not see a password in it)."`
	NATSURL       string   `name:"nats-url" placeholder:"URL" help:"The NATS server by which several managers of one PostgreSQL database tell each other of changes (SWITCHGEAR_NATS_URL; default the database itself)."`
	AdvertiseURL  string   `placeholder:"URL" help:"Where the others of them reach this one (SWITCHGEAR_ADVERTISE_URL; default where it listens)."`
	Config        string   `placeholder:"FILE" help:"The config file (SWITCHGEAR_CONFIG; default ./switchgear.yaml, if it is there)."`
	AllowedOrigin []string `placeholder:"ORIGIN" sep:"none" help:"A web page, beside the manager's own, that may open a live stream, such as https://board.example.com; can be repeated (SWITCHGEAR_ALLOWED_ORIGINS)."`
	AllowedTarget []string `sep:"none" placeholder:"TARGET" help:"What health checks declared over the API may reach beside public addresses: loopback, private, or addresses such as 10.0.0.0/8; can be repeated (SWITCHGEAR_ALLOWED_TARGETS; default nothing)."`
	LogLevel      string   `placeholder:"LEVEL" help:"debug, info, warn or error (SWITCHGEAR_LOG_LEVEL; default info)."`
	LogFormat     string   `placeholder:"FORM" help:"text or json (SWITCHGEAR_LOG_FORMAT; default text)."`
}

// Help is what the flags do not say.
func (*serveCmd) Help() string {
	return `The administrator's token is SWITCHGEAR_ADMIN_TOKEN, or the content of the file that
SWITCHGEAR_ADMIN_TOKEN_FILE names. Without either, one is made at the first start of a data
directory, printed once, with a link that logs a browser in, and written to the file
admin-token there, where the other commands find it.

The first line on the standard output says where it listens; the log goes to the standard
error. SIGTERM and SIGINT end it when what was begun has ended; a second one kills it. The
services of the config file are put in force as they are then when it changes, and at SIGHUP.`
}

// settings are those of the flags.
func (c *serveCmd) settings() config.Settings {
	return config.Settings{
		Listen: c.Listen, PublicURL: c.PublicURL, AdvertiseURL: c.AdvertiseURL, Bus: config.Bus{NATSURL: c.NATSURL}, AllowedOrigins: c.AllowedOrigin, AllowedTargets: c.AllowedTarget,
		Data: c.Data, DatabaseURL: c.DatabaseURL, LogLevel: c.LogLevel, LogFormat: c.LogFormat,
	}
}

// Validate names the flags that cannot be.
func (c *serveCmd) Validate() error {
	var bad interface {
		EachField(f func(field, message string))
	}
	if !errors.As(c.settings().Validate(), &bad) {
		return nil
	}
	flags := strings.NewReplacer("server.listen", "--listen", "server.publicUrl", "--public-url", "server.advertiseUrl", "--advertise-url", "bus.natsUrl", "--nats-url", "server.allowedOrigins", "--allowed-origin",
		"server.allowedTargets", "--allowed-target",
		"store.databaseUrl", "--database-url", "store.data", "--data", "log.level", "--log-level", "log.format", "--log-format")
	var errs []error
	bad.EachField(func(field, message string) { errs = append(errs, errors.New(flags.Replace(field)+": "+message)) })
	return errors.Join(errs...)
}

// configPath is the config file: what was said, or the usual one if it is there.
func configPath(said string) string {
	if said == "" {
		if _, err := os.Stat(defaultConfig); !errors.Is(err, fs.ErrNotExist) {
			return defaultConfig
		}
	}
	return said
}

// Run runs the manager until ctx ends.
func (c *serveCmd) Run(ctx context.Context, p *process) error {
	env, err := p.environment("SWITCHGEAR_LISTEN", "SWITCHGEAR_PUBLIC_URL", "SWITCHGEAR_ADVERTISE_URL", "SWITCHGEAR_NATS_URL", "SWITCHGEAR_NATS_URL_FILE",
		"SWITCHGEAR_ALLOWED_ORIGINS", "SWITCHGEAR_ALLOWED_TARGETS",
		"SWITCHGEAR_DATA", "SWITCHGEAR_DATABASE_URL", "SWITCHGEAR_DATABASE_URL_FILE", "SWITCHGEAR_POSTGRES_MAX_CONNECTIONS",
		"SWITCHGEAR_CONFIG", "SWITCHGEAR_MESSAGES_PER_MINUTE", "SWITCHGEAR_SOCKETS_PER_IDENTITY",
		"SWITCHGEAR_JWT_SECRET", "SWITCHGEAR_JWT_SECRET_FILE", "SWITCHGEAR_LOG_LEVEL", "SWITCHGEAR_LOG_FORMAT", "SWITCHGEAR_METRICS_DURATIONS", "SWITCHGEAR_ADMIN_TOKEN", "SWITCHGEAR_ADMIN_TOKEN_FILE")
	if err != nil {
		return err
	}
	path := configPath(cmp.Or(c.Config, env.Config))
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	return app.Serve(ctx, app.Options{
		Settings: c.settings().Or(env.Settings), ConfigPath: path, AdminToken: env.AdminToken, Reload: reload, Guard: notify.Guard,
		Stdout: p.stdout, Stderr: p.stderr, Version: buildVersion(),
	})
}
