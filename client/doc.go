// Package client speaks to a manager: the REST API in typed methods, and the
// live stream.
//
//	c, err := client.New("http://127.0.0.1:8080", token, client.Options{})
//	if err != nil {
//		return err
//	}
//	page, err := c.Services(ctx, client.ServiceQuery{Status: "circuit_open"})
//
// # Promises
//
//  1. A call ends: by its context, or after [Options.Timeout] where the
//     context has no deadline. A stream that has gone silent ends too.
//  2. An answer is read up to [MaxAnswer] and no further.
//  3. What a manager refuses is an [*Error] with its status, its kind and
//     every bad field. All other errors mean that it is not known whether the
//     manager did what it was asked.
//  4. Nothing is sent twice, and no redirect is followed: the token goes to the
//     address that was given and to no other.
//  5. Fields that this version does not know are passed over.
package client
