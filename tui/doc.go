// Package tui is the live view of a fleet in a terminal: the board with the
// worst first, a service's page, and the orders that a person on call gives.
//
// It lives on the manager's stream (client.Watch) and polls nothing. What it
// shows is as old as it says: a lost connection leaves the board as it was,
// under a clock that tells since when.
//
// It promises:
//
//  1. Every status is told by a word and a shape; colour, of the 16 that every
//     terminal has, only adds to them.
//  2. No text of the manager, of a service or of a person reaches the terminal
//     with anything in it that a terminal would obey or that reorders a line.
//  3. Only the lines that can be seen are made. News is drawn ten times a second
//     at most; a key is answered at once.
//  4. An order's result, or its refusal, stays on the screen until it is put
//     away, and in the list of messages after that.
//  5. However it ends, by a key, by ctx or by a panic, the terminal is as it was.
package tui
