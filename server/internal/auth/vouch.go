package auth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// vouched is an Identity between the nodes of a cluster.
type vouched struct {
	Name      string            `json:"name"`
	Role      Role              `json:"role"`
	TokenID   string            `json:"token_id"`
	ExpiresAt time.Time         `json:"expires_at,omitzero"`
	Services  []string          `json:"services,omitempty"`
	Account   string            `json:"account,omitempty"`
	By        [sha256.Size]byte `json:"by"`
	Parent    string            `json:"parent,omitempty"`
	Under     [sha256.Size]byte `json:"under"`
	Cookie    bool              `json:"cookie,omitempty"`

	Node bool `json:"node,omitempty"` // the node itself asks, for somebody whom it has let in before
}

// Vouch is an identity for another node, which believes it of this one.
func Vouch(id Identity) []byte {
	text, _ := json.Marshal(vouched{ // nothing in it can fail
		id.Name, id.Role, id.TokenID, id.ExpiresAt, id.Services, id.account, id.by, id.parent, id.under, id.cookie, false,
	})
	return text
}

// VouchNode is an operator's identity for what a node has acknowledged to
// somebody of that name, and hands on.
func VouchNode(name string) []byte {
	text, _ := json.Marshal(vouched{Name: name, Role: Operator, Node: true}) // nothing in it can fail
	return text
}

// Vouched is the identity that a node vouches for, if it holds here too: what
// has ended since is Unauthorized.
func (a *Authenticator) Vouched(text []byte) (Identity, error) {
	var v vouched
	if err := json.Unmarshal(text, &v); err != nil {
		return Identity{}, &fleet.Error{Kind: fleet.Invalid, Op: opLogin, Err: err}
	}
	id := Identity{
		Name: v.Name, Role: v.Role, TokenID: v.TokenID, ExpiresAt: v.ExpiresAt, Services: v.Services,
		account: v.Account, by: v.By, parent: v.Parent, under: v.Under, cookie: v.Cookie,
	}
	if !v.Node && !a.Active(id) {
		return Identity{}, unauthorized(refusal("a token that has ended"))
	}
	return id, nil
}

// lookAgainEach is how often at most what nobody knows is looked for.
const lookAgainEach = 200 * time.Millisecond

// absent asks for tokens that another node may have made just now. The zero
// value asks nobody.
type absent struct {
	look func(ctx context.Context)
	last atomic.Int64 // Unix nanoseconds
}

// LookAgain has an unknown token looked for once more, when look has returned:
// it waits for what other nodes have stored. It is called five times a second at
// most. LookAgain is called before anything else is.
func (a *Authenticator) LookAgain(look func(ctx context.Context)) { a.absent.look = look }

// find is what pick finds among all tokens.
func (a *Authenticator) find(ctx context.Context, pick func(*known) (Identity, bool)) (Identity, bool) {
	id, ok := pick(a.known.Load())
	if ok || a.absent.look == nil {
		return id, ok
	}
	last, now := a.absent.last.Load(), time.Now().UnixNano()
	if now-last < int64(lookAgainEach) || !a.absent.last.CompareAndSwap(last, now) {
		return id, false
	}
	a.absent.look(ctx)
	return pick(a.known.Load())
}
