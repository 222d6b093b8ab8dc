package app

import (
	"cmp"
	"slices"
	"strings"

	"github.com/degenduel/switchgear/alert/notify"
	"github.com/degenduel/switchgear/config"
)

// Check says what New would refuse of a file that config.Load has taken, for what
// stands outside of it: secrets in files of their own, and what the URLs of chats
// and mailboxes need. jwt is as in config.File.BadSecrets. It reaches nobody, and
// returns a *config.FileError or nil.
func Check(file *config.File, jwt *config.JWT) error {
	bad := file.BadSecrets(jwt)
	for i := range file.Alerts.Receivers {
		r := &file.Alerts.Receivers[i]
		if r.Notify == nil {
			continue
		}
		address, err := r.Notify.Address()
		if err != nil {
			continue // it is among them
		}
		if _, err := notify.New(notify.Options{URL: address}); err != nil {
			field := "url"
			if r.Notify.URLFile != "" {
				field = "urlFile"
			}
			bad = append(bad, file.Problem("alerts.receivers."+r.Name+".notify."+field, strings.TrimPrefix(err.Error(), "notify: ")))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	slices.SortStableFunc(bad, func(a, b config.Problem) int { return cmp.Compare(a.Line, b.Line) })
	return &config.FileError{Problems: bad}
}
