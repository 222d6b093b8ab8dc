// Package faulty is a [fleet.Store] that lets another one fail: with an error
// and nothing done, late, or with the work done and its answer lost. Tests put it
// between a manager and its store to show that the manager lives with it.
//
// # Promises
//
//  1. Without faults it is the store that it wraps: same answers, same errors.
//  2. Which call fails, and how, follows from the seed, the method and how many
//     calls of that method came before: it is the same in each run, whatever
//     the other methods' calls do meanwhile.
//  3. Every fault is an error of kind Unavailable that is [ErrInjected], and is
//     counted. What the store itself refuses stays as the store says it.
//  4. A write whose answer is lost is done whole, and the caller's batch is left
//     as it was: without IDs, as if the answer had never come.
//  5. A delay heeds the call's context, and sleeps on the clock of a synctest
//     bubble.
package faulty
