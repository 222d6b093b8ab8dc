package ws

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/wire"
)

// change makes something else of the operator's token.
func change(list []fleet.Token, how func(*fleet.Token)) []fleet.Token {
	for i := range list {
		if list[i].ID == "operator" {
			how(&list[i])
		}
	}
	return list
}

// TestPermission_ThatEndsEndsItsSockets holds that a socket is closed with 4001
// within a second, is told nothing after it, and nobody else's is closed.
func TestPermission_ThatEndsEndsItsSockets(t *testing.T) {
	t.Parallel()
	all := func(t *testing.T) []fleet.Token { t.Helper(); return tokens(t, "admin", "operator", "viewer") }
	for name, next := range map[string]func(t *testing.T) []fleet.Token{
		"revoked": func(t *testing.T) []fleet.Token { t.Helper(); return tokens(t, "admin", "viewer") },
		"less": func(t *testing.T) []fleet.Token {
			t.Helper()
			return change(all(t), func(tk *fleet.Token) { tk.Role = "viewer" })
		},
		"more": func(t *testing.T) []fleet.Token {
			t.Helper()
			return change(all(t), func(tk *fleet.Token) { tk.Role = "admin" })
		},
		"no role on the stream": func(t *testing.T) []fleet.Token {
			t.Helper()
			return change(all(t), func(tk *fleet.Token) { tk.Role = "agent" })
		},
		"limited to services": func(t *testing.T) []fleet.Token {
			t.Helper()
			return change(all(t), func(tk *fleet.Token) { tk.Services = []string{"prices"} })
		},
		"expires at once": func(t *testing.T) []fleet.Token {
			t.Helper()
			return change(all(t), func(tk *fleet.Token) { tk.ExpiresAt = time.Now().Add(-time.Second) })
		},
		"expires in a while": func(t *testing.T) []fleet.Token {
			t.Helper()
			return change(all(t), func(tk *fleet.Token) { tk.ExpiresAt = time.Now().Add(300 * time.Millisecond) })
		},
		"another secret": func(t *testing.T) []fleet.Token {
			t.Helper()
			return change(all(t), func(tk *fleet.Token) { tk.Hash = auth.Hash(secrets["agent"]) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, Config{HeartbeatInterval: 10 * time.Millisecond}, "prices")
			var gone []*peer
			for range 5 {
				p, _, _ := f.join(t, "operator")
				gone = append(gone, p)
			}
			stays, _, _ := f.join(t, "viewer")
			list := next(t)
			end := time.Now()
			for _, tk := range list {
				if tk.ID == "operator" && tk.ExpiresAt.After(end) {
					end = tk.ExpiresAt
				}
			}
			if err := f.auth.Set(list); err != nil {
				t.Fatal(err)
			}
			for _, p := range gone {
				told4001(t, p, end)
			}
			f.open(t, "prices")
			stays.find(wire.TypeServiceEvent)
		})
	}
}

// stalled is how long a busy machine may keep a process from running; a socket
// that nobody closes ends in minutes, or never.
const stalled = 4 * time.Second

// told4001 reads to the end, which must come when it was due: within a second on a
// machine that has the time.
func told4001(t *testing.T, p *peer, due time.Time) {
	t.Helper()
	for {
		if _, err := p.read(); err != nil {
			if code := websocket.CloseStatus(err); code != 4001 {
				t.Errorf("closed with %d, want 4001: %v", code, err)
			}
			break
		}
	}
	if late := time.Since(due); late > time.Second+stalled || late < 0 {
		t.Errorf("closed %v after it was due", late)
	}
}

func TestPermission_ThatEndsLetsNothingBeDone(t *testing.T) {
	t.Parallel()
	s := quiet(t, Config{}, "operator")
	id, _ := s.auth.Token(secrets["operator"])
	c := newClient(s, id, "")
	c.account = &account{}
	if err := s.auth.Set(nil); err != nil {
		t.Fatal(err)
	}
	c.receive(t.Context(), []byte(`{"type":"service:reset_circuit_breaker","service":"prices","reason":"x"}`))
	c.orders.Wait()
	ended, _, _ := c.Why()
	if n := s.manager.(*obedient).resets.Load(); n != 0 || ended != 4001 {
		t.Errorf("%d orders carried out, ended with %d", n, ended)
	}
	c.Dispose()
}

func TestJWT_ThatExpiresEndsItsSockets(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "prices")
	end := time.Now().Add(2 * time.Second).Truncate(time.Second)
	p, err := f.connectAs(t, signed(t, jwt.MapClaims{"exp": end.Unix()}), "")
	if err != nil {
		t.Fatal(err)
	}
	told4001(t, p, end)
}

// keyServer publishes keys of JWTs.
type keyServer struct {
	*httptest.Server

	mu   sync.Mutex
	keys map[string]ed25519.PublicKey
}

func newKeyServer(t *testing.T) *keyServer {
	t.Helper()
	k := &keyServer{keys: map[string]ed25519.PublicKey{}}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		k.mu.Lock()
		defer k.mu.Unlock()
		var list []map[string]string
		for id, key := range k.keys {
			list = append(list, map[string]string{
				"kty": "OKP", "crv": "Ed25519", "kid": id, "use": "sig", "x": base64.RawURLEncoding.EncodeToString(key),
			})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": list}) // the client sees it
	}))
	t.Cleanup(k.Close)
	return k
}

// only replaces all keys by one, and returns a token of it.
func (k *keyServer) only(t *testing.T, id string) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	k.keys = map[string]ed25519.PublicKey{id: public}
	k.mu.Unlock()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"sub": "carol", "role": "viewer", "exp": time.Now().Add(time.Hour).Unix()})
	token.Header["kid"] = id
	text, err := token.SignedString(private)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestJWT_WhoseKeyHasGoneEndsItsSockets(t *testing.T) {
	t.Parallel()
	keys := newKeyServer(t)
	f := startWith(t, Config{}, &auth.JWTOptions{JWKSURL: keys.URL}, "prices")
	old := keys.only(t, "first")
	p, err := f.connectAs(t, old, "")
	if err != nil {
		t.Fatal(err)
	}
	p.want(wire.TypeConnectionStatus)
	next, err := f.connectAs(t, keys.only(t, "second"), "") // whose key has to be fetched
	if err != nil {
		t.Fatal(err)
	}
	told4001(t, p, time.Now().Add(-100*time.Millisecond))
	next.want(wire.TypeConnectionStatus)
	if _, err := f.connectAs(t, old, ""); err == nil {
		t.Error("a token of the old key is let in")
	}
}

// TestJWT_OfOneSubjectMayDiffer holds that each socket is as wide as its own
// token.
func TestJWT_OfOneSubjectMayDiffer(t *testing.T) {
	t.Parallel()
	f := start(t, Config{}, "data.prices", "game")
	for want, claims := range map[int]jwt.MapClaims{2: {}, 1: {"services": []string{"data.*"}}, 0: {"services": []string{}}} {
		p, err := f.connectAs(t, signed(t, claims), "")
		if want == 0 {
			if err == nil {
				p.want(wire.TypeConnectionStatus)
				if m := p.want(wire.TypeServicesState); len(m.entries(t)) > 0 {
					t.Errorf("a token for nobody is shown %s", m.raw)
				}
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		p.want(wire.TypeConnectionStatus)
		if got := p.want(wire.TypeServicesState).entries(t); len(got) != want || !slices.ContainsFunc(got, func(e wire.Entry) bool { return e.Service == "data.prices" }) {
			t.Errorf("%v is shown %v", claims, got)
		}
	}
}
