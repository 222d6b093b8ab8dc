package problem

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

var alphabet = base32.HexEncoding.WithPadding(base32.NoPadding)

// NewID names a request: 24 letters and digits, which begin with the time in
// milliseconds, so that names sort as they were given; the rest is chance.
func NewID() string {
	var b [15]byte
	binary.BigEndian.PutUint64(b[:8], uint64(time.Now().UnixMilli())<<16)
	_, _ = rand.Read(b[6:]) // it never fails
	return strings.ToLower(alphabet.EncodeToString(b[:]))
}
