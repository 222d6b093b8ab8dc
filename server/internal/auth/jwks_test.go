package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

func jwksAuth(t *testing.T, url string) *Authenticator {
	t.Helper()
	return newJWTAuth(t, JWTOptions{JWKSURL: url})
}

func TestKeySet_FollowsRotationAtOnce(t *testing.T) {
	t.Parallel()
	first, second := newSigner("first"), newSigner("second")
	keys, url := served(t, first)
	a := jwksAuth(t, url)
	if n := keys.asked.Load(); n != 0 {
		t.Errorf("asked %d times before any token", n)
	}
	old, ok := a.Token(first.token())
	if !ok {
		t.Fatal("the first key is refused")
	}
	changed := a.Changed()

	keys.publishes(first, second)
	if _, ok := a.Token(second.token()); !ok {
		t.Error("the second key is not found")
	}
	if _, ok := a.Token(first.token()); !ok || !a.Active(old) {
		t.Error("the first has ended with the second's coming")
	}
	select {
	case <-changed:
		t.Error("a key that came ends nothing, and yet it was said")
	default:
	}

	third := newSigner("third")
	keys.publishes(second, third)
	if _, ok := a.Token(third.token()); !ok {
		t.Error("the third key is not found")
	}
	select {
	case <-changed:
	default:
		t.Error("nobody is told that a key has gone")
	}
	if _, err := a.Login(request(t), first.token()); fleet.KindOf(err) != fleet.Unauthorized {
		t.Errorf("the first key still lets in: %v", err)
	}
	if a.Active(old) {
		t.Error("who was let in by the first key is still active")
	}
	if n := keys.asked.Load(); n != 4 { // three sets, and the first key looked for once more
		t.Errorf("asked %d times", n)
	}
}

func TestKeySet_TellsAKeyOfTheSameID(t *testing.T) {
	t.Parallel()
	old, next, other := newSigner("k"), newSigner("k"), newSigner("other")
	keys, url := served(t, old)
	a := jwksAuth(t, url)
	id, _ := a.Token(old.token())
	keys.publishes(next, other)
	a.Token(other.token())
	if a.Active(id) {
		t.Error("who was let in by the key before is still active")
	}
	if _, ok := a.Token(next.token()); !ok {
		t.Error("the new key is refused")
	}
}

func TestKeySet_IsNotHammered(t *testing.T) {
	t.Parallel()
	known := newSigner("known")
	keys, url := served(t, known)
	a := jwksAuth(t, url)
	good := known.token()
	if _, ok := a.Token(good); !ok {
		t.Fatal("the known key is refused")
	}
	began := time.Now()
	var asking sync.WaitGroup
	for i := range 50 {
		asking.Go(func() {
			for j := range 20 {
				if _, ok := a.Token(newSignerLike(known, fmt.Sprintf("%d-%d", i, j)).token()); ok {
					t.Error("an unknown key lets in")
				}
				if _, ok := a.Token(good); !ok {
					t.Error("the known key is refused")
				}
			}
		})
	}
	asking.Wait()
	gained := int64(time.Since(began)/spareEvery) + 1
	if n := keys.asked.Load(); n < 2 || n > 1+spareFetches+gained {
		t.Errorf("asked %d times for 1000 unknown keys", n)
	}
}

// newSignerLike is the same key under another name, which nobody knows.
func newSignerLike(s signer, kid string) signer { return signer{kid, s.alg, s.key} }

func TestKeySet_IsAskedOnceForAllWhoWait(t *testing.T) {
	t.Parallel()
	s := newSigner("k")
	keys, url := served(t, s)
	answer := *keys.answer.Load()
	asked, reply := make(chan struct{}), make(chan struct{})
	keys.answers(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-reply
		answer(w, r)
	})
	a := jwksAuth(t, url)
	token := s.token()
	anonymous := s.sign(`{"alg":"ES256"}`, payload())

	// The first goes away while it waits. The others get what it asked for.
	ctx, cancel := context.WithCancel(t.Context())
	gone := request(t).WithContext(ctx)
	var waiting sync.WaitGroup
	waiting.Go(func() { _, _ = a.Login(gone, token) })
	<-asked
	cancel()
	for range 20 {
		waiting.Go(func() {
			for _, token := range []string{anonymous, token} {
				if _, err := a.Login(request(t), token); err != nil {
					t.Errorf("one who waited: %v", err)
				}
			}
		})
	}
	close(reply)
	waiting.Wait()
	if n := keys.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestKeySet_StaysWhenItCannotBeFetched(t *testing.T) {
	t.Parallel()
	s := newSigner("k")
	elsewhere, _ := json.Marshal(map[string]any{"keys": []any{s.jwk()}})
	tests := []struct {
		name   string
		answer http.HandlerFunc
		log    string
	}{
		{"error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "500"},
		{"not found", http.NotFound, "404"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) }, "302"},
		{"a page", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, "no key set"},
		{"another object", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"key":[]}`)) }, "no key set"},
		{"no list", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":{}}`)) }, "no key set"},
		{"null", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":null}`)) }, "no key set"},
		{"two lists", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[],"keys":[]}`)) }, "no key set"},
		{"too many", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[{}` + strings.Repeat(",{}", maxKeys) + `]}`))
		}, "at most 100"},
		{"too large", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(append(elsewhere, bytes.Repeat([]byte(" "), maxKeySet)...))
		}, "more than"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(elsewhere)
		}, "EOF"},
		{"no answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			keys, url := served(t, s)
			var log bytes.Buffer
			a, err := NewWith(Options{JWT: &JWTOptions{JWKSURL: url + "/?key=hunter2"}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			id, ok := a.Token(s.token())
			if !ok {
				t.Fatal("the key is refused")
			}
			keys.answers(tt.answer)
			if _, ok := a.Token(newSigner("new").token()); ok || keys.asked.Load() != 2 {
				t.Fatalf("let in: %v; asked %d times, want 2", ok, keys.asked.Load())
			}
			if _, ok := a.Token(s.token()); !ok || !a.Active(id) {
				t.Error("the key has gone")
			}
			if text := log.String(); !strings.Contains(text, "cannot be fetched") || !strings.Contains(text, tt.log) || strings.Contains(text, "hunter2") {
				t.Errorf("the log says\n%s", text)
			}
		})
	}
}

func TestKeySet_MayBeEmpty(t *testing.T) {
	t.Parallel()
	s := newSigner("k")
	keys, url := served(t, s)
	a := jwksAuth(t, url)
	id, _ := a.Token(s.token())
	keys.says(`{"keys":[]}`)
	a.Token(newSigner("new").token())
	if a.Active(id) {
		t.Error("all keys were withdrawn, and who was let in by one is active")
	}
}

func TestKeySet_LeavesOutWhatIsOfNoUse(t *testing.T) {
	t.Parallel()
	good := newSigner("good")
	change := func(s signer, f func(map[string]any)) map[string]any {
		k := s.jwk()
		f(k)
		return k
	}
	small := signer{"small", "RS256", must(rsa.GenerateKey(rand.Reader, 1024))}
	big := signers()["RS256"]
	ed := signers()["EdDSA"]
	tests := []struct {
		name   string
		key    any
		signer signer
	}{
		{"for encryption", change(good, func(k map[string]any) { k["use"] = "enc" }), good},
		{"for signing only", change(good, func(k map[string]any) { k["key_ops"] = []string{"sign"} }), good},
		{"of another algorithm", change(good, func(k map[string]any) { k["alg"] = "ES384" }), good},
		{"not on the curve", change(good, func(k map[string]any) { k["y"] = k["x"] }), good},
		{"of another curve", change(good, func(k map[string]any) { k["crv"] = "secp256k1" }), good},
		{"with a coordinate too few", change(good, func(k map[string]any) { delete(k, "y") }), good},
		{"RSA that is too small", small.jwk(), small},
		{"RSA that is too large", change(big, func(k map[string]any) { k["n"] = b64(bytes.Repeat([]byte{255}, 1025)) }), big},
		{"RSA with an exponent of 1", change(big, func(k map[string]any) { k["e"] = "AQ" }), big},
		{"RSA with a huge exponent", change(big, func(k map[string]any) { k["e"] = b64(bytes.Repeat([]byte{255}, 9)) }), big},
		{"RSA without a modulus", change(big, func(k map[string]any) { delete(k, "n") }), big},
		{"Ed25519 that is too short", change(ed, func(k map[string]any) { k["x"] = "AAAA" }), ed},
		{"X25519", change(ed, func(k map[string]any) { k["crv"] = "X25519" }), ed},
		{"of a kind that is not known", change(good, func(k map[string]any) { k["kty"] = "AKP" }), good},
		{"with a field of the wrong type", change(good, func(k map[string]any) { k["x"] = 7 }), good},
		{"not base64", change(good, func(k map[string]any) { k["x"] = "!" }), good},
		{"no object", 7, good},
		{"symmetric", map[string]any{"kty": "oct", "kid": "good", "k": b64(jwtSecret)}, signer{"good", "HS256", jwtSecret}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			keys, url := served(t)
			other := newSigner("other")
			text := must(json.Marshal(map[string]any{"keys": []any{tt.key, other.jwk()}}))
			if set, err := readKeys(text); err != nil || set.odd != 1 || len(set.all) != 1 {
				t.Fatalf("%v; %+v", err, set)
			}
			keys.says(string(text))
			a := jwksAuth(t, url)
			if _, ok := a.Token(other.token()); !ok {
				t.Error("the key beside it is refused")
			}
			if _, ok := a.Token(tt.signer.token()); ok {
				t.Error("it lets in")
			}
		})
	}
}

func TestKeySet_GoesByTheAlgorithmOfAKey(t *testing.T) {
	t.Parallel()
	keys, url := served(t)
	one := signers()["RS256"].jwk()
	one["alg"] = "PS256"
	keys.says(string(must(json.Marshal(map[string]any{"keys": []any{one}}))))
	a := jwksAuth(t, url)
	if _, ok := a.Token(signers()["PS256"].token()); !ok {
		t.Error("the key's own algorithm is refused")
	}
	if _, err := a.Login(request(t), signers()["RS256"].token()); Reason(err) != noKey {
		t.Errorf("another of its kind: %s", Reason(err))
	}
}

func TestKeySet_TakesATokenWithoutIDIfOneKeyFits(t *testing.T) {
	t.Parallel()
	one, two := newSigner(""), newSigner("two")
	keys, url := served(t, one, signers()["EdDSA"])
	a := jwksAuth(t, url)
	anonymous := func(s signer) string { return s.sign(fmt.Sprintf(`{"alg":%q}`, s.alg), payload()) }
	if _, ok := a.Token(anonymous(one)); !ok {
		t.Error("refused, although one key fits")
	}
	keys.publishes(one, two)
	if _, ok := a.Token(two.token()); !ok {
		t.Error("with its ID it is refused")
	}
	for _, s := range []signer{one, two} {
		if _, ok := a.Token(anonymous(s)); ok {
			t.Error("two keys fit, and one was guessed")
		}
	}
	twins := []signer{newSigner("twin"), newSigner("twin")}
	keys.publishes(twins...)
	for _, s := range twins {
		if _, err := a.Login(request(t), s.token()); Reason(err) != noKey {
			t.Errorf("two keys have one ID: %s", Reason(err))
		}
	}
}
