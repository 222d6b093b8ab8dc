// Package notify tells people of alerts where they read: in a chat, by mail, on a
// phone. The services are those of the library shoutrrr, whose URLs are all the
// settings there are, such as
//
//	discord://TOKEN@ID
//	slack://hook:TTTTTTTTT-BBBBBBBBB-XXXXXXXXXXXXXXXXXXXXXXXX@webhook
//	telegram://TOKEN@telegram?chats=@channel
//	smtp://user:password@mail.example.com:587/?from=switchgear@example.com&to=ops@example.com
//	ntfy://ntfy.sh/topic
//
// # Promises
//
//  1. No error has anything of the URL in it: neither as it was written, nor in the
//     errors of the library and of the services.
//  2. A try ends with its context. The library takes none, so what was begun may go
//     on behind that; few such tries can be, and Close waits for them.
//  3. A panic in the library is an error.
//  4. What a failing service says of itself, which is in the texts of alerts, calls
//     nobody by name and makes no link in a chat.
//
// # What it does not do
//
// The library reaches smtp, ntfy, gotify and mattermost by connections of its own,
// which nobody is asked about, and all others with the clients of package http: see
// [Guard].
package notify
