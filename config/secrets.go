package config

import "strings"

// BadSecrets are the secrets in files of their own (secretFile, urlFile) that
// cannot be read, or cannot be what they are for: that of auth.jwt, and those of
// the receivers by name. jwt is what holds of auth.jwt, for which the environment
// may have another secret; nil: it is not looked at. No message has a secret in
// it.
func (f *File) BadSecrets(jwt *JWT) []Problem {
	var all []Problem
	add := func(path, key string, err error) {
		if err != nil {
			_, message, _ := strings.Cut(err.Error(), key+": ") // the field stands beside it
			all = append(all, f.Problem(join(path, key), message))
		}
	}
	if jwt != nil {
		_, err := jwt.Key()
		add("auth.jwt", "secretFile", err)
	}
	for i := range f.Alerts.Receivers {
		r := &f.Alerts.Receivers[i]
		path := join("alerts.receivers", r.Name)
		switch {
		case r.Webhook != nil:
			_, err := r.Webhook.Key()
			add(join(path, "webhook"), "secretFile", err)
		case r.Notify != nil:
			_, err := r.Notify.Address()
			add(join(path, "notify"), "urlFile", err)
		}
	}
	return all
}

// Problem is what is wrong with a field of the file, other than of its services,
// and where that stands.
func (f *File) Problem(field, message string) Problem {
	return Problem{f.Name, f.top.line(field), field, message}
}
