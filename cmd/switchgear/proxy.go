package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

const (
	defaultProxyListen     = "127.0.0.1:8081"
	defaultProxyAdmin      = "127.0.0.1:0"
	defaultUpstreamTimeout = 10 * time.Second
)

type proxyCmd struct {
	Service  string   `placeholder:"NAME" help:"The service that the breaker is of (SWITCHGEAR_SERVICE)."`
	Upstream string   `placeholder:"URL" help:"Where requests go; a path of it is put before theirs (SWITCHGEAR_UPSTREAM)."`
	Listen   string   `placeholder:"ADDRESS" help:"Where to listen (SWITCHGEAR_LISTEN; default 127.0.0.1:8081)."`
	Admin    string   `placeholder:"ADDRESS" help:"Where /state, /metrics and /healthz are (SWITCHGEAR_ADMIN; default a free port of 127.0.0.1)."`
	Timeout  patience `name:"upstream-timeout" placeholder:"TIME" help:"How long the upstream may take to begin its answer, which may then last as long as it likes, and to take each piece of an upload. It must be below the clients' patience: a request whose client has gone is ignored, and is no failure (default 10s)."`

	Config string   `placeholder:"FILE" help:"The config file with the service's section (SWITCHGEAR_CONFIG); without it the breaker has the defaults."`
	Set    []string `sep:"none" placeholder:"FIELD=VALUE" help:"A field of the breaker's config, such as resetTimeoutMs=30s, over the file; can be repeated."`

	Manager   string `placeholder:"URL" help:"The manager whose fleet the service joins (SWITCHGEAR_URL; default none)."`
	TokenFile string `name:"token-file" placeholder:"FILE" help:"The file of the token for it, of the role agent (SWITCHGEAR_TOKEN, SWITCHGEAR_TOKEN_FILE)."`
	Declare   bool   `hidden:"" help:"Does nothing: to join is to declare."`

	LogLevel  string `placeholder:"LEVEL" help:"debug, info, warn or error (SWITCHGEAR_LOG_LEVEL; default info)."`
	LogFormat string `placeholder:"FORM" help:"text or json (SWITCHGEAR_LOG_FORMAT; default text)."`
}

// Help is what the flags do not say.
func (*proxyCmd) Help() string {
	return `A breaker for programs in any language: they send their requests here, and these go on to the
upstream, or are answered with 503 and a Retry-After while the circuit is open. 5xx, 429, a
broken connection and an upstream that does not answer are failures. WebSockets and streams
pass through.

A client that goes before its answer is no failure of the upstream. So --upstream-timeout must
be below the clients' patience, or an upstream that hangs never opens the circuit. The slow-call
rule sees calls that hang whoever gives up first, as a share of a window that must be short:

    --set slowCallDurationMs=2s --set slowCallRateThreshold=0.5 --set minimumOperations=5 --set monitoringWindowMs=30s

    switchgear proxy --service prices --listen 127.0.0.1:8081 --upstream https://prices.example.com

The breaker decides here. With a manager it is a member of its fleet: the manager shows it,
beside those of other proxies of the same service, keeps its history, and what an
administrator orders there reaches it. Once the manager knows the service, its config is the
manager's. The manager being away changes nothing.

The first line on the standard output says where it listens, the second where its state is; the
log goes to the standard error. SIGTERM and SIGINT end it when the requests under way have
ended, within ten seconds; a second one kills it.`
}

// Validate names the flags that cannot be.
func (c *proxyCmd) Validate() error {
	errs := []error{(&serveCmd{Listen: c.Listen, LogLevel: c.LogLevel, LogFormat: c.LogFormat}).Validate()}
	if err := (&serveCmd{Listen: c.Admin}).Validate(); err != nil {
		errs = append(errs, errors.New(strings.Replace(err.Error(), "--listen", "--admin", 1)))
	}
	if _, err := (&configSetCmd{Fields: c.Set}).patch(); err != nil {
		errs = append(errs, fmt.Errorf("--set: %w", err))
	}
	return errors.Join(errs...)
}

// Run runs the proxy until ctx ends.
func (c *proxyCmd) Run(ctx context.Context, p *process) error {
	env, err := p.environment("SWITCHGEAR_LISTEN", "SWITCHGEAR_CONFIG", "SWITCHGEAR_URL", "SWITCHGEAR_LOG_LEVEL", "SWITCHGEAR_LOG_FORMAT")
	if err != nil {
		return err
	}
	said := func(flag, variable string) string {
		value, _ := p.lookupEnv(variable)
		return cmp.Or(flag, value)
	}
	name := said(c.Service, "SWITCHGEAR_SERVICE")
	upstream, err := upstreamURL(said(c.Upstream, "SWITCHGEAR_UPSTREAM"))
	switch {
	case name == "":
		return usageError{errors.New("whose breaker is it? --service")}
	case err != nil:
		return usageError{err}
	}
	section, err := c.section(cmp.Or(c.Config, env.Config), name)
	if err != nil {
		return err
	}
	service, err := switchgear.NewService(name, switchgear.ServiceConfig{Config: section.Config}) //nolint:contextcheck // its checks, of which there are none, are no caller's
	if err != nil {
		return usageError{errors.New(strings.TrimPrefix(err.Error(), "switchgear: "))}
	}
	log := proxyLogger(p, c, env.Settings)
	timeout := cmp.Or(time.Duration(c.Timeout), defaultUpstreamTimeout)
	for _, w := range section.Config.Lint(switchgear.Usage{OperationTimeout: timeout}) {
		log.WarnContext(ctx, "the config has a setting that cannot work, or will hurt", slog.String("field", w.Field), slog.String("warning", w.Message))
	}
	s := newSidecar(service.Breaker(), upstream, timeout, log)
	if s.managerURL = cmp.Or(c.Manager, env.URL); s.managerURL != "" {
		to, err := (&target{URL: s.managerURL, TokenFile: c.TokenFile}).manager(p)
		if err != nil {
			return err
		}
		service.Start()
		leave, err := s.join(ctx, to, service, &section)
		if err != nil {
			return usageError{errors.New(strings.TrimPrefix(err.Error(), "agent: "))}
		}
		defer leave()
	}
	return s.listenAndServe(ctx, cmp.Or(c.Listen, env.Settings.Listen, defaultProxyListen), cmp.Or(said(c.Admin, "SWITCHGEAR_ADMIN"), defaultProxyAdmin), p.stdout)
}

// section is the service's, from the file, if there is one, and the flags.
func (c *proxyCmd) section(path, name string) (config.Service, error) {
	section := config.Service{Description: "as its proxy sees it"}
	if path != "" {
		file, err := config.Load(path)
		if err != nil {
			return config.Service{}, err
		}
		declared, ok := file.Services[name]
		if !ok {
			return config.Service{}, fmt.Errorf("%s declares no service %q", path, name)
		}
		section = declared
	}
	patch, err := (&configSetCmd{Fields: c.Set}).patch()
	if err == nil {
		section.Config, err = section.Config.Merge(patch)
	}
	if err != nil {
		return config.Service{}, usageError{fmt.Errorf("--set: %w", err)}
	}
	return section, nil
}

// upstreamURL reads where requests go.
func upstreamURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, errors.New("where do requests go? --upstream")
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("--upstream: it must be an http:// or https:// URL without user, query and fragment")
	}
	return u, nil
}

func proxyLogger(p *process, c *proxyCmd, env config.Settings) *slog.Logger {
	settings := config.Settings{LogLevel: c.LogLevel, LogFormat: c.LogFormat}.Or(env).Or(config.DefaultSettings())
	var level slog.Level
	_ = level.UnmarshalText([]byte(settings.LogLevel)) // validated
	opts := &slog.HandlerOptions{Level: level}
	if settings.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(p.stderr, opts))
	}
	return slog.New(slog.NewTextHandler(p.stderr, opts))
}

// listen is net.Listen, to be told by its flag where it fails.
func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return l, nil
}
