// Package clustertest tests that several processes of one PostgreSQL database are
// one manager: real processes, a real PostgreSQL and a real nats-server, with a
// watcher at every node, administrators and agents that go on while processes are
// killed, stopped and cut off. What each was told is kept as a history, and judged
// against what is stored.
//
// Alone it makes a few faults with two nodes. SWITCHGEAR_ROBUSTNESS_ROUNDS, from 1,
// is how many rounds of all faults it makes with three; SWITCHGEAR_ROBUSTNESS_SEED
// is the seed of the first, by default one of its own. SWITCHGEAR_ROBUSTNESS_OLD is
// a program of an older version that all nodes begin with. Where a round fails, its
// history and the logs of its nodes are in the test's artifact folder.
package clustertest
