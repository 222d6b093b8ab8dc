// Package series keeps how services went over time: a [Recorder] watches a
// manager, and each second writes a point for every service that changed.
//
//	recorder, err := series.New(series.Deps{Manager: manager, Store: store}, series.Config{})
//	…
//	err = recorder.Run(ctx) // until ctx ends
//
// # What is kept
//
//   - Points of 1 s for 15 minutes, of 10 s for 6 hours, of 1 min for 30 days,
//     or as [Keep] says.
//   - A point holds totals and not what happened in it, so that one which is
//     lost loses nothing but its place: what it would have told is in the next.
//     Differences are made when points are read.
//   - Where several points become one, it has the last totals, failures in the
//     window, state, mode and share, and the worst of each percentile and of the
//     average.
//   - There is no point where nothing changed. That no manager ran, which looks
//     the same, is told by the gaps.
//
// # Promises
//
//  1. The differences of a range add up to the totals at its end less those at
//     its beginning, at every step, but for what a kill lost. They are never
//     below zero.
//  2. Points are in the order of time, whatever the wall clock does. While it
//     is behind the newest point, up to a minute, what happens is counted there.
//     Where it goes back further, or is behind at a start, points of that time
//     have what happened each time that it was.
//  3. A process that is killed loses five seconds of points, of more than 500
//     busy services a second more for each hundred, up to 35. What happened in
//     them is in no point, but for one that stands for all of the gap: as far as
//     the manager's own totals have it.
//  4. Memory and disk are bounded: see [Config], and docs/operations.md.
//  5. Nothing waits for the recorder, and no write of its holds up another for
//     longer than some milliseconds.
package series
