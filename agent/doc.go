// Package agent makes the services of a program members of a manager's fleet.
//
//	a, err := agent.Join(ctx, "https://switchgear.example.com", token, prices, quotes)
//	if err != nil {
//		return err // an argument is wrong; that no manager answers is no error
//	}
//	defer a.Close(context.Background())
//
// The manager then shows the services and this instance of them, keeps their
// history, and sends what an administrator orders: a config, an override, a
// reset, a health check.
//
// # Promises
//
//  1. No operation waits for the manager, or for the agent. The breakers decide
//     by themselves; the agent reads snapshots once a second and hears of
//     transitions after the fact. A manager that is away changes nothing, and
//     overrides end at their time without it.
//  2. Every transition reaches the manager once, in order, told again until it
//     says that it has stored it. Of a breaker that has more than 1 024 that are
//     not, the oldest go; the numbers of the rest show the hole, and
//     ServiceState.Dropped counts them.
//  3. Reports are totals and not differences, of the services that changed, once
//     a second. So one that is lost is made good by the next.
//  4. The agent comes back after 0.1 s at first and in the end what the manager
//     has told it, 2 s to 30 s by how many agents there are, at random up to
//     that, so that a thousand of them do not come at once. It goes through
//     the nodes in turn. What refuses it for good, such as a token that is not
//     valid, is logged as an error and tried again after half a minute, for as
//     long as the program runs.
//  5. A config that the program cannot take is refused with the reason, which the
//     manager shows; the last good one stays in force.
//
// # What holds where the manager and the program differ
//
// The first program that joins tells the manager of the service and its config.
// From then on the manager's config holds: it comes with the answer to a join.
// Classify and Hooks stay the program's. What Service.Configure changes
// afterwards lasts until the manager next says something else.
//
// An override of the manager's and one of the program's own are told apart: the
// manager ends its own only, but a new one of the manager's replaces what there
// is.
//
// A breaker of a program that has just started begins as the manager remembers
// the service (see switchgear.Breaker.Adopt), unless it has moved, or was
// overridden, before the manager answered; operations that ran meanwhile do not
// matter. Who wants none to run before waits for Connected, not for long.
//
// Options.Dir keeps the last good config of each service as a file, for programs
// that start while the manager is away. It is used only if the program's own
// config is still the one that the file was made beside.
//
// # What it costs
//
// Two goroutines and one connection, whatever the number of services, and one
// more for each health check that is asked for, of which there are 64 at most.
// A transition that waits for the manager takes about half a KiB.
package agent
