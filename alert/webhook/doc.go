// Package webhook sends alerts as JSON to a program of the user's, and helps that
// program, if it is written in Go, to know that they are from the manager.
//
// A message is a POST whose body is a [Payload]. It has the headers
//
//	Switchgear-Delivery: <id>
//	Switchgear-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">
//
// The second is there where a secret was agreed on; its key is the secret's bytes.
// Any status of 2xx ends it. Everything else, and no answer, is tried again for a
// day, longer and longer apart; a status of 4xx, but for 408, 425 and 429, holds
// back the messages of its incident only. Redirects are not followed. Retry-After
// is heeded.
//
// # Promises
//
//  1. A message comes at least once. Every try of it has the same delivery ID and
//     the same bytes as its body, unless the dashboard's address, which its links
//     begin with, has changed; the signature's time is that of the try.
//  2. Messages of one incident come in order.
//  3. No error has the URL or the secret in it.
//
// # What receivers owe
//
// To check the signature before anything else, with [Verify] or as it does: over
// the bytes of the body as they came, in constant time, and refusing what is older
// than some minutes. To answer soon, and to take a delivery ID that they have seen
// for done.
package webhook
