// Package wire is the protocol: the JSON of REST and of the live stream, in
// types that say nothing but what is on the wire.
//
// Configs, sections of the file and performance are camelCase; everything else
// is snake_case. Times are RFC 3339, UTC, to the millisecond, or null.
package wire
