package view

import (
	"net/url"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

// Unhide puts back into a check that somebody sends what was hidden of the one
// that he was shown, so that to send what was read changes nothing. What is
// hidden goes to no other host: then the value has to be given. It returns the
// fields where that is missing.
func Unhide(sent, was *config.HealthCheck) []switchgear.FieldError {
	if sent == nil || sent.HTTP == nil {
		return nil
	}
	var bad []switchgear.FieldError
	refuse := func(field string) {
		bad = append(bad, switchgear.FieldError{
			Field: field, Message: `"` + hidden + `" stands for a value that is not shown: give the value`,
		})
	}
	var before config.HTTPCheck
	if was != nil && was.HTTP != nil {
		before = *was.HTTP
	}
	if before.URL != "" && sent.HTTP.URL == shownURL(before.URL) {
		sent.HTTP.URL = before.URL
	}
	u, err := url.Parse(sent.HTTP.URL)
	if err == nil && u.RawQuery == hidden {
		refuse("healthCheck.http.url")
	}
	for name, value := range sent.HTTP.Headers {
		if value != hidden {
			continue
		}
		kept, there := before.Headers[name]
		if !there || !sameHost(sent.HTTP.URL, before.URL) {
			refuse("healthCheck.http.headers." + name)
			continue
		}
		sent.HTTP.Headers[name] = kept
	}
	return bad
}

func sameHost(a, b string) bool {
	u, err := url.Parse(a)
	if err != nil {
		return false
	}
	v, err := url.Parse(b)
	return err == nil && u.Scheme == v.Scheme && u.Host == v.Host
}
