package view

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
)

func TestUnhide_PutsBackWhatWasHiddenAndSendsItNowhereElse(t *testing.T) {
	t.Parallel()
	check := func(url, header string) *config.HealthCheck {
		c := &config.HealthCheck{HTTP: &config.HTTPCheck{URL: url}}
		if header != "" {
			c.HTTP.Headers = map[string]string{"X-Key": header}
		}
		return c
	}
	was := check("https://user:pw@a.example/health?key=1", "secret")
	for name, tt := range map[string]struct {
		sent, was, want *config.HealthCheck
		bad             []string
	}{
		"what was shown":             {check("https://a.example/health?…", "…"), was, was, nil},
		"another value":              {check("https://a.example/health?…", "other"), was, check(was.HTTP.URL, "other"), nil},
		"without the header":         {check("https://a.example/health?…", ""), was, check(was.HTTP.URL, ""), nil},
		"the header at another path": {check("https://a.example/other", "…"), check("https://a.example/health", "secret"), check("https://a.example/other", "secret"), nil},
		"the header at another host": {check("https://evil.example/health", "…"), was, nil, []string{"healthCheck.http.headers.X-Key"}},
		"the header over plain HTTP": {check("http://a.example/health", "…"), was, nil, []string{"healthCheck.http.headers.X-Key"}},
		"a query of another path":    {check("https://a.example/other?…", ""), was, nil, []string{"healthCheck.http.url"}},
		"a new service":              {check("https://a.example/health", "…"), nil, nil, []string{"healthCheck.http.headers.X-Key"}},
		"no check":                   {nil, was, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var bad []string
			for _, f := range Unhide(tt.sent, tt.was) {
				bad = append(bad, f.Field)
			}
			if diff := cmp.Diff(tt.bad, bad); diff != "" {
				t.Errorf("bad fields (-want +got)\n%s", diff)
			}
			if tt.want != nil {
				if diff := cmp.Diff(tt.want, tt.sent); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			}
		})
	}
}
