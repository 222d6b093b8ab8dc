package config

import "time"

const (
	defaultForgetInstances = time.Hour

	// Below the least an instance would be forgotten that is hardly silent yet.
	leastForgetInstances = time.Minute
	mostForgetInstances  = 30 * day

	// fewForgetInstances is what a cable that was pulled, or a machine that starts
	// anew, takes at times.
	fewForgetInstances = 5 * time.Minute
)

// fleetJSON is fleet in the file.
type fleetJSON struct {
	quorumJSON

	ForgetInstancesMs *int64 `json:"forgetInstancesMs"`
	LeaseMs           *int64 `json:"leaseMs"`

	Services map[string]quorumJSON `json:"services"`
}

const (
	defaultLease = 5 * time.Second
	leastLease   = 500 * time.Millisecond
	mostLease    = time.Minute

	leaseField = "fleet.leaseMs"
)

func (d *fleetJSON) lease(bad *problems) time.Duration {
	if d.LeaseMs == nil {
		return 0
	}
	lease := time.Duration(*d.LeaseMs) * time.Millisecond
	if *d.LeaseMs > mostLease.Milliseconds() || lease < leastLease {
		badLease(bad, *d.LeaseMs)
		return 0
	}
	return lease
}

func badLease(bad *problems, ms int64) {
	bad.add(leaseField, "%d is not in %d … %d", ms, leastLease.Milliseconds(), mostLease.Milliseconds())
}

func checkLease(bad *problems, d time.Duration) {
	if d != 0 && (d < leastLease || d > mostLease) {
		badLease(bad, d.Milliseconds())
	}
}

const forgetField = "fleet.forgetInstancesMs"

func (d *fleetJSON) forgetInstances(bad *problems) time.Duration {
	ms := d.ForgetInstancesMs
	if ms == nil {
		return 0
	}
	if *ms < leastForgetInstances.Milliseconds() || *ms > mostForgetInstances.Milliseconds() { // 0 is none of the default's words
		badForget(bad, *ms)
		return 0
	}
	return time.Duration(*ms) * time.Millisecond
}

func badForget(bad *problems, ms int64) {
	bad.add(forgetField, "%d is not in %d … %d", ms, leastForgetInstances.Milliseconds(), mostForgetInstances.Milliseconds())
}

func checkForget(bad *problems, d time.Duration) {
	if d != 0 && (d < leastForgetInstances || d > mostForgetInstances) {
		badForget(bad, d.Milliseconds())
	}
}

// lintFleet warns of what is said of instances.
func (f *File) lintFleet() []Problem {
	d := f.Settings.ForgetInstances
	if d == 0 || d >= fewForgetInstances {
		return nil
	}
	return []Problem{f.Problem(forgetField, "programs that the network keeps away for "+d.String()+
		" are forgotten like those that have ended, and are not among the silent any more: take 300000 or more")}
}
