// Package alert turns what happens to services into as few messages as possible:
// rules that notice what is wrong, incidents that gather what belongs together
// under the service it comes from, silences, and the delivery of messages to
// receivers, at least once.
package alert
