// Package demo is Switchgear for a newcomer, in one command: real HTTP services
// on loopback that fail, hang, reset connections and grow slow to order, real
// traffic to them through real breakers, and the real manager with its store
// and its live stream. A script brings about one fault after the other and says
// what will be seen; a table shows it.
//
// Every duration of a config is divided by one factor, so that opening,
// recovery by steps and closing are seen within a minute. Nothing else is made
// up. The data directory is a temporary one and goes at the end.
package demo
