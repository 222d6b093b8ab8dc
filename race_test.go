//go:build race

package switchgear

// raced: the race detector makes everything some thirty times slower.
const raced = true
