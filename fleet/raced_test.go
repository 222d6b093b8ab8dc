//go:build race

package fleet_test

// raced: what is measured is the race detector too.
const raced = true
