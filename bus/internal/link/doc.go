// Package link is what the buses have in common: the queue of what is to be
// told, the subscriptions, and the connection that is looked for again whenever
// it is lost. A bus adds its [Session]: one connection, from dialling to its end.
package link
