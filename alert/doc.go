// Package alert turns what happens to services into as few messages as possible:
// rules that notice what is wrong, incidents that gather what belongs together
// under the service it comes from, silences, and the delivery of messages to
// receivers, at least once.
//
//	engine, err := alert.New(ctx, alert.Deps{Manager: manager, Store: store}, cfg)
//	…
//	err = engine.Run(ctx) // until ctx ends, which is before the manager's does
//
// # Rules
//
//   - There is one alert of a kind for a service at a time. It fires when its rule
//     has held for as long as the rule says, and ends when it has been over for
//     Config.ResolveAfter; while it is neither, nothing happens.
//   - Flapping, while it fires, keeps the circuit's alert from ending: what opens
//     again and again is one incident.
//   - An administrator's mode lets nothing fire, and ends nothing while the circuit
//     is not closed. A service that is removed has no alerts.
//
// # Incidents
//
// Services depend on others. An alert joins the incident of its service, or of the
// nearest service on which that depends, directly or through others that are not
// well. Where nobody has an alert yet on that way, and somebody fails, the last who
// does is the root. Incidents of services that depend on the new one become one
// with its own: they go on under the ID that was told, or else the oldest. Services
// that do not depend on each other are two incidents, also where a third depends on
// both: it is in that of the nearest.
//
// # Messages
//
//   - An incident gathers alerts for Config.GroupWait, and twice as long where its
//     root depends on others, of which one may yet be found to be the root. What is
//     over by then is never told.
//   - Alerts that join later are told if they are graver than all that was told, if
//     they are the first for some receiver, or if they show another root. The others
//     are in the next message.
//   - What nobody has acknowledged is repeated. An alert that joins an incident of
//     which all is acknowledged is so, too, as what was to be foreseen: if it is less
//     than critical, and not graver than all in it; or of a service of which another
//     critical one was acknowledged. Any other was seen by nobody: it is told after
//     Config.GroupWait, with those that join until then, and repeated; but once a
//     service: what of it comes back while the incident lasts is in the next message.
//     An acknowledgement can be taken back, and the incident is repeated again.
//   - A silenced alert is kept, and not told. When its last silence ends, and it
//     fires, it is told at that moment, unless it was acknowledged: as firing; as
//     escalated, if others of its incident were told and it was not; or again. What was told before it was silenced is told to be over, though:
//     at once, where all else of its incident that fires is silenced.
//   - When nothing fires any more, those that were told are told so, once.
//
// # Promises
//
//  1. What is told is stored before, with the message; while the store is away it is
//     told at once, and stored when the store is back.
//  2. Every message is delivered at least once, unless it waits for a day, or more
//     than 10 000 wait, or 64 MiB: then the oldest repeats go first, then the oldest
//     that say what is over, and then the oldest; counted, and logged. A message has
//     the same ID on every try. It comes twice where its receiver had it and did not
//     say so in time, or the process was killed before it could remember that.
//  3. The messages of an incident come to a receiver in order. A receiver that fails
//     gets nothing else meanwhile; one that refuses a message gets those of other
//     incidents.
//  4. A restart forgets nothing that was stored, and tells nothing again.
//  5. Nothing waits for a receiver but its own messages, and for the engine nothing
//     but orders to it.
package alert
