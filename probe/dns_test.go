package probe_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
)

// nameServer answers every question for an IPv4 address with the next of
// answers, and from then on with the last. It returns who asks it.
func nameServer(t *testing.T, answers ...string) *net.Resolver {
	t.Helper()
	server, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		question := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(question)
			if err != nil {
				return
			}
			answer, wantsAddress := nameAnswer(question[:n], answers[0])
			if wantsAddress && len(answers) > 1 {
				answers = answers[1:]
			}
			_, _ = server.WriteTo(answer, from) // the test tells where it fails
		}
	})
	t.Cleanup(func() {
		hangUp(server)
		wg.Wait()
	})
	at := server.LocalAddr().String()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", at)
	}}
}

// nameAnswer is the answer to a question (RFC 1035, section 4) for type A:
// one address that holds for no time; to all others it is empty.
func nameAnswer(message []byte, address string) (answer []byte, wantsAddress bool) {
	const header = 12
	end := header
	for message[end] != 0 {
		end += 1 + int(message[end])
	}
	end += 5 // the root, type and class
	wantsAddress = message[end-3] == 1
	answer = append([]byte{}, message[:2]...)                   // the question's number
	answer = append(answer, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0) // an answer, recursion, one question
	answer = append(answer, message[header:end]...)
	if wantsAddress {
		answer[7] = 1 // one answer: to the name at 12, A, IN, TTL 0, four bytes
		answer = append(answer, 0xc0, header, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		answer = append(answer, netip.MustParseAddr(address).AsSlice()...)
	}
	return answer, wantsAddress
}
