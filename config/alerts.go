package config

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear"
)

// Alerts are the section alerts of the file. The names in it are those in
// brackets.
type Alerts struct {
	// Rules are what was said of the kinds of alerts (rules); what they do not
	// say is that of DefaultAlertRules. Those of a Service go before them.
	Rules AlertRules

	// Receivers are where alerts are sent (receivers), by name: up to 50.
	// Default none.
	Receivers []AlertReceiver

	// GroupWait is how long an incident gathers alerts before it is told
	// (groupWaitMs). 0 to 10 min; default 5 s.
	GroupWait time.Duration

	// ResolveAfter is how long what was wrong must be right before an alert
	// ends (resolveAfterMs). 0 to 1 h; default 30 s.
	ResolveAfter time.Duration

	// RepeatInterval is how often an incident that nobody has acknowledged is
	// told again (repeatIntervalMs). 1 min to 7 days, or 0: never. Default 4 h.
	RepeatInterval time.Duration
}

// AlertReceiver is somewhere alerts are sent: exactly one of Webhook,
// Alertmanager and Notify is set.
type AlertReceiver struct {
	// Name is its key in the file: as the name of a service.
	Name string

	Webhook      *WebhookReceiver
	Alertmanager *AlertmanagerReceiver
	Notify       *NotifyReceiver

	// Routes are what an alert must match, all of them, to be sent there
	// (routes): up to 20. None: every alert is.
	Routes []RouteMatcher

	// SendResolved is whether it is also told what is over (sendResolved).
	// Default true.
	SendResolved bool
}

// WebhookReceiver is a program of the user's that takes alerts as JSON.
type WebhookReceiver struct {
	// URL is http or https, of up to 2 048 bytes (url). It may be a secret, and
	// no error shows it.
	URL string

	// Secret is the key that messages are signed with (secret), of up to 4 096
	// bytes; SecretFile is the path of a file with it, relative to the working
	// directory (secretFile). One of them at most; without any, messages are
	// not signed.
	Secret     string
	SecretFile string

	// Timeout is when an answer that has not come has failed (timeoutMs).
	// 100 ms to 30 s; default 30 s.
	Timeout time.Duration
}

// AlertmanagerReceiver is an Alertmanager of Prometheus.
type AlertmanagerReceiver struct {
	// URL is where it is, without /api/v2 (url): http or https, without query.
	URL string
}

// NotifyReceiver is a chat, a mailbox or the like.
type NotifyReceiver struct {
	// URL says what and where, such as discord://token@id (url), in up to 4 096
	// bytes. URLFile is the path of a file with it, relative to the working
	// directory (urlFile). One of them. All of the URL is a secret.
	URL     string
	URLFile string
}

// RouteMatcher says of one field of an alert what it must be. See
// fleet.Matcher.
type RouteMatcher struct {
	Field string `json:"field"`
	Op    string `json:"op"`
	Value string `json:"value"`
}

const (
	maxReceivers      = 50
	maxRoutes         = 20
	maxMatcherValue   = 1024 // bytes
	maxWebhookSecret  = 4096 // bytes
	maxNotifyURL      = 4096 // bytes
	minWebhookTimeout = 100 * time.Millisecond
	maxWebhookTimeout = 30 * time.Second
	maxGroupWait      = 10 * time.Minute
	maxResolveAfter   = time.Hour
	minRepeatInterval = time.Minute
	maxRepeatInterval = 7 * 24 * time.Hour
)

var (
	matcherFields = []string{"service", "kind", "severity", "layer", "root", "incident"}
	matcherOps    = []string{"=", "!=", "=~", "!~"}
	notifyScheme  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
)

// DefaultAlerts are those of a file that says nothing of alerts, or of no file.
func DefaultAlerts() Alerts {
	return Alerts{GroupWait: 5 * time.Second, ResolveAfter: 30 * time.Second, RepeatInterval: 4 * time.Hour}
}

// Kind is webhook, alertmanager or notify.
func (r *AlertReceiver) Kind() string {
	switch {
	case r.Webhook != nil:
		return "webhook"
	case r.Alertmanager != nil:
		return "alertmanager"
	case r.Notify != nil:
		return "notify"
	}
	return ""
}

// Key is the secret, read anew where it is in a file; empty where there is none.
// The error has no secret in it.
func (w *WebhookReceiver) Key() (string, error) {
	if w.SecretFile == "" {
		return w.Secret, nil
	}
	secret, err := readSecret(w.SecretFile)
	switch {
	case err != nil:
		return "", fmt.Errorf("secretFile: %w", err)
	case len(secret) > maxWebhookSecret:
		return "", fmt.Errorf("secretFile: the secret in %s is longer than %d bytes", absolute(w.SecretFile), maxWebhookSecret)
	}
	return secret, nil
}

// Address is the URL, read anew where it is in a file. The error does not have
// it.
func (n *NotifyReceiver) Address() (string, error) {
	if n.URLFile == "" {
		return n.URL, nil
	}
	raw, err := readSecret(n.URLFile)
	if err != nil {
		return "", fmt.Errorf("urlFile: %w", err)
	}
	if what := badNotifyURL(raw); what != "" {
		return "", fmt.Errorf("urlFile: the content of %s %s", absolute(n.URLFile), what)
	}
	return raw, nil
}

// badNotifyURL does not show the URL. What the scheme asks for is checked by who
// knows it.
func badNotifyURL(raw string) string {
	switch {
	case len(raw) > maxNotifyURL:
		return fmt.Sprintf("is longer than %d bytes", maxNotifyURL)
	case !notifyScheme.MatchString(raw) || strings.ContainsAny(raw, " \t\r\n") || hiddenRune(raw, "") != "":
		return "is not a URL that begins with a kind of service, such as discord://"
	}
	return ""
}

// alertsJSON is the section as it is written.
type alertsJSON struct {
	Rules            alertRulesJSON           `json:"rules"`
	Receivers        map[string]*receiverJSON `json:"receivers"`
	GroupWaitMs      *float64                 `json:"groupWaitMs"`
	ResolveAfterMs   *float64                 `json:"resolveAfterMs"`
	RepeatIntervalMs *float64                 `json:"repeatIntervalMs"`
}

type receiverJSON struct {
	Webhook *struct {
		URL        string   `json:"url"`
		Secret     *string  `json:"secret"`
		SecretFile *string  `json:"secretFile"`
		TimeoutMs  *float64 `json:"timeoutMs"`
	} `json:"webhook"`
	Alertmanager *struct {
		URL string `json:"url"`
	} `json:"alertmanager"`
	Notify *struct {
		URL     *string `json:"url"`
		URLFile *string `json:"urlFile"`
	} `json:"notify"`
	Routes       []RouteMatcher `json:"routes"`
	SendResolved *bool          `json:"sendResolved"`
}

// alerts are what was said, with the defaults of all but the rules.
func (d *alertsJSON) alerts(bad *problems) Alerts {
	a := DefaultAlerts()
	if d == nil {
		return a
	}
	a.Rules = d.Rules.rules(bad, "alerts.rules")
	duration := func(field string, ms *float64, value *time.Duration, low, high time.Duration) {
		if ms != nil {
			if *value = milliseconds(*ms); *value < low || *value > high {
				bad.add(field, "%s", msRange(*value, low, high))
			}
		}
	}
	duration("alerts.groupWaitMs", d.GroupWaitMs, &a.GroupWait, 0, maxGroupWait)
	duration("alerts.resolveAfterMs", d.ResolveAfterMs, &a.ResolveAfter, 0, maxResolveAfter)
	if d.RepeatIntervalMs != nil {
		a.RepeatInterval = milliseconds(*d.RepeatIntervalMs)
		if a.RepeatInterval != 0 && (a.RepeatInterval < minRepeatInterval || a.RepeatInterval > maxRepeatInterval) {
			bad.add("alerts.repeatIntervalMs", "%s, nor is it 0", msRange(a.RepeatInterval, minRepeatInterval, maxRepeatInterval))
		}
	}
	if len(d.Receivers) > maxReceivers {
		bad.add("alerts.receivers", "%d are more than %d", len(d.Receivers), maxReceivers)
		return a
	}
	for _, name := range slices.Sorted(maps.Keys(d.Receivers)) {
		if !switchgear.ValidName(name) {
			bad.add("alerts.receivers", "%s is no name of a receiver: %s", quote(name), nameForm)
			continue
		}
		a.Receivers = append(a.Receivers, d.Receivers[name].receiver(bad, name))
	}
	return a
}

func (d *receiverJSON) receiver(bad *problems, name string) AlertReceiver {
	r := AlertReceiver{Name: name, SendResolved: true}
	path := join("alerts.receivers", name)
	var kinds []string
	if d != nil && d.Webhook != nil {
		kinds = append(kinds, "webhook")
		r.Webhook = d.webhook(bad, join(path, "webhook"))
	}
	if d != nil && d.Alertmanager != nil {
		kinds = append(kinds, "alertmanager")
		r.Alertmanager = &AlertmanagerReceiver{URL: d.Alertmanager.URL}
		if what := badURL(r.Alertmanager.URL); what != "" {
			bad.add(join(path, "alertmanager.url"), "%s", what)
		} else if u, err := url.Parse(r.Alertmanager.URL); err != nil || u.RawQuery != "" || u.ForceQuery {
			bad.add(join(path, "alertmanager.url"), "cannot have a query")
		}
	}
	if d != nil && d.Notify != nil {
		kinds = append(kinds, "notify")
		r.Notify = d.notify(bad, join(path, "notify"))
	}
	if len(kinds) == 0 {
		bad.add(path, "needs one of webhook, alertmanager and notify")
		return r
	}
	if len(kinds) > 1 {
		bad.add(path, "can have one of webhook, alertmanager and notify, not %s", strings.Join(kinds, " and "))
	}
	if d.SendResolved != nil {
		r.SendResolved = *d.SendResolved
	}
	r.Routes = checkRoutes(bad, join(path, "routes"), d.Routes)
	return r
}

func (d *receiverJSON) webhook(bad *problems, path string) *WebhookReceiver {
	w := &WebhookReceiver{
		URL: d.Webhook.URL, Timeout: maxWebhookTimeout,
		Secret:     saidText(bad, join(path, "secret"), d.Webhook.Secret),
		SecretFile: saidText(bad, join(path, "secretFile"), d.Webhook.SecretFile),
	}
	if what := badURL(w.URL); what != "" {
		bad.add(join(path, "url"), "%s", what)
	}
	switch {
	case w.Secret != "" && w.SecretFile != "":
		bad.add(path, "can have one of secret and secretFile, not both")
	case len(w.Secret) > maxWebhookSecret:
		bad.add(join(path, "secret"), "is longer than %d bytes", maxWebhookSecret)
	case !isPath(w.SecretFile):
		bad.add(join(path, "secretFile"), "%s is not a path", quote(w.SecretFile))
	}
	if ms := d.Webhook.TimeoutMs; ms != nil {
		if w.Timeout = milliseconds(*ms); w.Timeout < minWebhookTimeout || w.Timeout > maxWebhookTimeout {
			bad.add(join(path, "timeoutMs"), "%s", msRange(w.Timeout, minWebhookTimeout, maxWebhookTimeout))
		}
	}
	return w
}

func (d *receiverJSON) notify(bad *problems, path string) *NotifyReceiver {
	n := &NotifyReceiver{
		URL:     saidText(bad, join(path, "url"), d.Notify.URL),
		URLFile: saidText(bad, join(path, "urlFile"), d.Notify.URLFile),
	}
	switch {
	case n.URL != "" && n.URLFile != "":
		bad.add(path, "can have one of url and urlFile, not both")
	case d.Notify.URL == nil && d.Notify.URLFile == nil:
		bad.add(path, "needs one of url and urlFile")
	case n.URL != "":
		if what := badNotifyURL(n.URL); what != "" {
			bad.add(join(path, "url"), "%s", what)
		}
	case !isPath(n.URLFile):
		bad.add(join(path, "urlFile"), "%s is not a path", quote(n.URLFile))
	}
	return n
}

// saidText is a text that was said, or empty; one that was said to be empty is an
// error: it is neither a value nor the default.
func saidText(bad *problems, field string, v *string) string {
	if v == nil {
		return ""
	}
	if *v == "" {
		bad.add(field, "is empty; leave it out for its default")
	}
	return *v
}

func checkRoutes(bad *problems, path string, routes []RouteMatcher) []RouteMatcher {
	if len(routes) > maxRoutes {
		bad.add(path, "%d are more than %d", len(routes), maxRoutes)
		return nil
	}
	for i, m := range routes {
		at := fmt.Sprintf("%s[%d]", path, i)
		if !slices.Contains(matcherFields, m.Field) {
			bad.add(join(at, "field"), "%s is not one of %s", quote(m.Field), strings.Join(matcherFields, ", "))
		}
		if !slices.Contains(matcherOps, m.Op) {
			bad.add(join(at, "op"), "%s is not one of %s", quote(m.Op), strings.Join(matcherOps, ", "))
		}
		if what := badText(m.Value, maxMatcherValue); what != "" {
			bad.add(join(at, "value"), "%s", what)
		} else if _, err := m.expression(); err != nil {
			bad.add(join(at, "value"), "is no regular expression: %v", err)
		}
	}
	if len(routes) == 0 {
		return nil
	}
	return routes
}

// expression is what the whole of the field must match, for =~ and !~; nil for
// the others.
func (m RouteMatcher) expression() (*regexp.Regexp, error) {
	if m.Op != "=~" && m.Op != "!~" {
		return nil, nil //nolint:nilnil // there is none
	}
	if _, err := regexp.Compile(m.Value); err != nil { // alone: a)|(b becomes one in brackets
		return nil, err
	}
	return regexp.Compile(`^(?:` + m.Value + `)$`)
}
