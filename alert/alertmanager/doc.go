// Package alertmanager shows alerts in an Alertmanager of Prometheus, by its API
// v2, so that its grouping, routing and silences hold for them.
//
// Each alert has the labels alertname (its kind), service, severity, incident,
// root and, where it is known, layer; the annotations summary, affects and
// acknowledged_by; and as its generator the link to the service's page at that
// time.
//
// # Promises
//
//  1. What fires is said to go on for [Lease] from each Sync. So an alert ends by
//     itself if the manager is gone for longer, and comes back with the next Sync
//     if the Alertmanager was started anew.
//  2. An alert is shown once. Where its labels change, as when its incident turns
//     out to have another root, those of before are ended in the same Sync.
package alertmanager
