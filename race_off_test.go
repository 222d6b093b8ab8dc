//go:build !race

package switchgear

// raced: the race detector does not watch.
const raced = false
