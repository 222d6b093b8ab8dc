package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/degenduel/switchgear/internal/strict"
)

const (
	// maxKeys is how many keys a set may have.
	maxKeys = 100

	// RFC 7518, section 3.3 wants at least 2048 bits of RSA. Above 8192 a
	// verification costs more than anybody may make us pay.
	minRSA, maxRSA = 2048, 8192
)

// keys is one set of keys; it is never changed.
type keys struct {
	all    []key
	thumbs map[[sha256.Size]byte]bool
	odd    int // how many were left out
}

// readKeys reads a JWK Set (RFC 7517). As section 5 there wants, a key that is
// of no use here is left out, and the others hold.
func readKeys(text []byte) (*keys, error) {
	var set struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := strict.Decode(text, &set, strict.Options{IgnoreUnknown: true}); err != nil {
		return nil, fmt.Errorf("auth: no key set: %w", err)
	}
	if set.Keys == nil || len(*set.Keys) > maxKeys {
		return nil, fmt.Errorf("auth: no key set: it must have a list of at most %d keys", maxKeys)
	}
	found := &keys{thumbs: make(map[[sha256.Size]byte]bool)}
	for _, raw := range *set.Keys {
		k, err := readKey(raw)
		if err != nil {
			found.odd++
			continue
		}
		found.all = append(found.all, k)
		found.thumbs[k.thumb] = true
	}
	return found, nil
}

// find is the one key with the ID that fits the algorithm. Without an ID it is
// the one key that fits. Two that fit are none: which was meant is a guess.
func (s *keys) find(alg, id string) *key {
	var found *key
	for i := range s.all {
		k := &s.all[i]
		if id != "" && k.id != id || !slices.Contains(k.fits, alg) {
			continue
		}
		if found != nil {
			return nil
		}
		found = k
	}
	return found
}

// knows reports whether there is a key with the ID, whatever it fits.
func (s *keys) knows(id string) bool {
	return slices.ContainsFunc(s.all, func(k key) bool { return k.id == id })
}

// compare counts the keys that only s has, and those that only the old set has,
// which may be nil.
func (s *keys) compare(old *keys) (added, gone int) {
	if old == nil {
		return len(s.thumbs), 0
	}
	for thumb := range s.thumbs {
		if !old.thumbs[thumb] {
			added++
		}
	}
	for thumb := range old.thumbs {
		if !s.thumbs[thumb] {
			gone++
		}
	}
	return added, gone
}

type jwk struct {
	Kty    string   `json:"kty"`
	Kid    string   `json:"kid"`
	Use    string   `json:"use"`
	Alg    string   `json:"alg"`
	KeyOps []string `json:"key_ops"`
	Crv    string   `json:"crv"`
	N      string   `json:"n"`
	E      string   `json:"e"`
	X      string   `json:"x"`
	Y      string   `json:"y"`
}

var errUseless = errors.New("the key is of no use here")

func readKey(raw []byte) (key, error) {
	var j jwk
	if err := strict.Decode(raw, &j, strict.Options{IgnoreUnknown: true}); err != nil {
		return key{}, err
	}
	if j.Use != "" && j.Use != "sig" || len(j.KeyOps) > 0 && !slices.Contains(j.KeyOps, "verify") || len(j.Kid) > maxKeyID {
		return key{}, errUseless
	}
	k := key{id: j.Kid}
	var err error
	switch j.Kty {
	case "RSA":
		k.fits = []string{"RS256", "RS384", "RS512", "PS256"}
		k.value, err = j.rsa()
	case "EC":
		k.fits, k.value, err = j.ec()
	case "OKP":
		k.fits = []string{"EdDSA"}
		k.value, err = j.ed25519()
	default: // a symmetric key that all can read is no secret
		err = errUseless
	}
	if err != nil {
		return key{}, err
	}
	if j.Alg != "" {
		if !slices.Contains(k.fits, j.Alg) {
			return key{}, errUseless
		}
		k.fits = []string{j.Alg}
	}
	der, err := x509.MarshalPKIXPublicKey(k.value)
	k.thumb = sha256.Sum256(der)
	return k, err
}

func (j *jwk) rsa() (*rsa.PublicKey, error) {
	n, errN := base64.RawURLEncoding.DecodeString(j.N)
	e, errE := base64.RawURLEncoding.DecodeString(j.E)
	if err := errors.Join(errN, errE); err != nil {
		return nil, err
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	if bits := modulus.BitLen(); bits < minRSA || bits > maxRSA || modulus.Bit(0) == 0 {
		return nil, errUseless
	}
	if !exponent.IsInt64() || exponent.Int64() < 3 || exponent.Int64() > math.MaxInt32 || exponent.Bit(0) == 0 {
		return nil, errUseless
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

func (j *jwk) ec() (fits []string, _ *ecdsa.PublicKey, _ error) {
	curves := map[string]struct {
		curve elliptic.Curve
		alg   string
	}{
		"P-256": {elliptic.P256(), "ES256"}, "P-384": {elliptic.P384(), "ES384"}, "P-521": {elliptic.P521(), "ES512"},
	}
	c, ok := curves[j.Crv]
	if !ok {
		return nil, nil, errUseless
	}
	x, errX := base64.RawURLEncoding.DecodeString(j.X)
	y, errY := base64.RawURLEncoding.DecodeString(j.Y)
	if err := errors.Join(errX, errY); err != nil {
		return nil, nil, err
	}
	if size := (c.curve.Params().BitSize + 7) / 8; len(x) != size || len(y) != size {
		return nil, nil, errUseless
	}
	point := slices.Concat([]byte{4}, x, y) // 4: not compressed
	pub, err := ecdsa.ParseUncompressedPublicKey(c.curve, point)
	return []string{c.alg}, pub, err
}

func (j *jwk) ed25519() (ed25519.PublicKey, error) {
	x, err := base64.RawURLEncoding.DecodeString(j.X)
	if err != nil {
		return nil, err
	}
	if j.Crv != "Ed25519" || len(x) != ed25519.PublicKeySize {
		return nil, errUseless
	}
	return x, nil
}
