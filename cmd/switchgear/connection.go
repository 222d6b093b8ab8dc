package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/degenduel/switchgear/app"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/internal/timespan"
)

// defaultURL is where serve listens by default.
const defaultURL = "http://127.0.0.1:8080"

// output is how a command prints.
type output struct {
	Output string `short:"o" enum:"table,json" default:"table" placeholder:"FORM" help:"table (the default), for people, or json, for programs."`
}

// target is what every client command has: the manager and how to print.
type target struct {
	output

	URL       string   `name:"url" placeholder:"URL" help:"The manager (SWITCHGEAR_URL; default ${default_url})."`
	TokenFile string   `name:"token-file" placeholder:"FILE" help:"The file of the token (SWITCHGEAR_TOKEN, SWITCHGEAR_TOKEN_FILE; of a manager on this machine ./data/admin-token will do)."`
	Timeout   patience `placeholder:"TIME" help:"How long to wait for an answer (default 10s; check: 1m)."`
}

// patience is a time to wait that was said: longer than nothing.
type patience time.Duration

// UnmarshalText reads a duration.
func (w *patience) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err == nil && d <= 0 {
		err = fmt.Errorf("%s is no time to wait", timespan.Text(d))
	}
	*w = patience(d)
	return err
}

// connection is a manager and how it is spoken to.
type connection struct {
	url      string
	hasToken bool
	timeout  time.Duration
}

// manager is where a manager is, and the token that it is shown.
type manager struct{ url, token string }

// manager is the one that the flags and the environment name.
func (t *target) manager(p *process) (manager, error) {
	env, err := p.environment("SWITCHGEAR_URL", "SWITCHGEAR_TOKEN", "SWITCHGEAR_TOKEN_FILE", "SWITCHGEAR_DATA")
	if err != nil {
		return manager{}, err
	}
	p.manager = connection{url: cmp.Or(t.URL, env.URL, defaultURL), timeout: cmp.Or(time.Duration(t.Timeout), client.DefaultTimeout)}
	token := env.Token
	switch {
	case t.TokenFile != "":
		if token, err = tokenOf(t.TokenFile); err != nil {
			err = usageError{fmt.Errorf("--token-file: %w", err)}
		}
	case token == "" && isLocal(p.manager.url):
		token, err = p.localToken(env.Settings.Data)
	}
	p.manager.hasToken = token != ""
	return manager{p.manager.url, token}, err
}

// connect makes the client of a command.
func (t *target) connect(p *process) (*client.Client, error) {
	to, err := t.manager(p)
	if err != nil {
		return nil, err
	}
	c, err := client.New(to.url, to.token, client.Options{
		Timeout: p.manager.timeout, UserAgent: "switchgear/" + buildVersion().Version,
	})
	if err != nil {
		return nil, usageError{errors.New(strings.TrimPrefix(err.Error(), "client: "))}
	}
	return c, nil
}

// environment reads the variables of the given names: a command is not bothered
// by those of another.
func (p *process) environment(names ...string) (config.Environment, error) {
	env, err := config.Env(func(name string) (string, bool) {
		if !slices.Contains(names, name) {
			return "", false
		}
		return p.lookupEnv(name)
	})
	if err != nil {
		return env, usageError{err}
	}
	return env, nil
}

// isLocal reports whether a manager is on this machine. Only to such a one is a
// token sent that nobody has named: it would be given away elsewhere.
func isLocal(manager string) bool {
	u, err := url.Parse(manager)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return strings.EqualFold(u.Hostname(), "localhost") || ip != nil && ip.IsLoopback()
}

// localToken is the administrator's token, if this process may know it: that of
// the environment, or the one that serve wrote at its first start. A file that
// is not there, or not for us, is no error: the manager will ask.
func (p *process) localToken(data string) (string, error) {
	env, err := p.environment("SWITCHGEAR_ADMIN_TOKEN", "SWITCHGEAR_ADMIN_TOKEN_FILE")
	if err != nil || env.AdminToken != "" {
		return env.AdminToken, nil //nolint:nilerr // it is serve's variable
	}
	token, err := tokenOf(filepath.Join(cmp.Or(data, config.DefaultSettings().Data), app.TokenFile))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return "", nil
	}
	return token, err
}

// tokenOf reads a token from a file.
func tokenOf(path string) (string, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", fmt.Errorf("no token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", fmt.Errorf("no token: %s is empty", path)
	}
	return token, nil
}

// explain says what went wrong and what can be done.
func (p *process) explain(err error) string {
	var dial *net.OpError
	switch kind, refused := client.KindOf(err); {
	case refused && kind == client.Unauthorized && p.manager.hasToken:
		return fmt.Sprintf("the manager at %s does not accept the token: see SWITCHGEAR_TOKEN and --token-file", p.manager.url)
	case refused && kind == client.Unauthorized:
		return fmt.Sprintf("the manager at %s wants a token: set SWITCHGEAR_TOKEN or give --token-file", p.manager.url)
	case refused && kind == client.Precondition:
		return "the config was changed meanwhile: look at it and try again\n" + err.Error()
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Sprintf("no manager answers at %s: is it running? (switchgear serve)\n%v", p.manager.url, dial)
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case p.manager.url != "" && errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("the manager at %s did not answer within %s (--timeout)", p.manager.url, timespan.Text(p.manager.timeout))
	}
	if refused, ok := errors.AsType[*client.Error](err); ok {
		return byFlags(refused).Error()
	}
	return strings.TrimPrefix(err.Error(), "client: ")
}

// flagOf is where on the command line a field of the API comes from.
var flagOf = map[string]string{
	"reason": "--reason", "to": "--to", "ttl_ms": "--for", "mode": "the mode", // of orders
	"matchers": "--match", "starts_at": "--from", "ends_at": "--until",
	"name": "the name", "role": "--role", "services": "--service", "expires_at": "--expires",
	"service": "--service", "incident": "--incident", "status": "--status", "layer": "--layer", "q": "--q",
	"kind": "--kind", "actor": "--actor", "action": "--action", "since": "--since", "until": "--until", "limit": "--limit",
}

// byFlags is a refusal that names what was typed, where that is known.
func byFlags(e *client.Error) *client.Error {
	out := *e
	out.Problem.Errors = slices.Clone(e.Problem.Errors)
	for i := range out.Problem.Errors {
		field := &out.Problem.Errors[i].Field
		name, rest, listed := strings.Cut(*field, "[")
		flag, known := flagOf[name]
		if !known {
			continue
		}
		if index, _, ok := strings.Cut(rest, "]"); listed && ok && index != "0" {
			if n, err := strconv.Atoi(index); err == nil {
				flag += fmt.Sprintf(" (number %d)", n+1)
			}
		}
		*field = flag
	}
	return &out
}
