package series

import (
	"errors"
	"time"
)

// Keep is how long points are kept, by the step that one stands for: at least so
// long, and some minutes more. Zero is the default, and below zero none is
// recorded; one of the three must be.
type Keep struct {
	Of1s  time.Duration // of 1 s; default 15 minutes
	Of10s time.Duration // default 6 hours
	Of1m  time.Duration // default 30 days
}

// ladder are the tiers that this makes.
func (k Keep) ladder() (ladder, error) {
	l := ladder(tiers)
	kept := false
	for i, keep := range [...]time.Duration{k.Of1s, k.Of10s, k.Of1m} {
		if keep != 0 {
			l[i].keep = max(keep, 0)
		}
		kept = kept || l[i].keep > 0
	}
	if !kept {
		return l, errors.New("series: points of one step at least have to be kept")
	}
	return l, nil
}
