package sqlstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// compare is an error if a table of both stores does not hold the same, and else
// how many rows it has and what their sum is.
func (s *Store) compare(ctx context.Context, other *Store, t *table) (rows int64, sum string, err error) {
	var theirs int64
	var theirSum string
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		rows, sum, err = s.sum(ctx, t)
		return err
	})
	group.Go(func() (err error) {
		theirs, theirSum, err = other.sum(ctx, t)
		return err
	})
	switch err := group.Wait(); {
	case err != nil:
		return 0, "", err
	case rows != theirs:
		return 0, "", fmt.Errorf("there are %d rows, and %d in the copy", rows, theirs)
	case sum != theirSum:
		return 0, "", fmt.Errorf("what is in its %d rows is not what is in those of the copy", rows)
	}
	return rows, sum, nil
}

// sum is how many rows a table has, and the SHA-256 of what they say, however an
// engine lays it out.
func (s *Store) sum(ctx context.Context, t *table) (rows int64, sum string, err error) {
	h := sha256.New()
	err = s.pages(ctx, t, func(found [][]any) error {
		rows += int64(len(found))
		for _, row := range found {
			for c, value := range row {
				t.columns[c].digest(h, value)
			}
		}
		return nil
	})
	return rows, hex.EncodeToString(h.Sum(nil)), err
}

// digest puts a value into the sum: whether there is one, how long it is, and
// itself.
func (c column) digest(h hash.Hash, value any) {
	var raw []byte
	switch v := value.(type) {
	case nil:
		_, _ = h.Write([]byte{0}) // it cannot fail
		return
	case int64:
		raw = binary.BigEndian.AppendUint64(raw, uint64(v)) //nolint:gosec // its bits
	case time.Time:
		raw = binary.BigEndian.AppendUint64(raw, uint64(v.UnixMicro()))
	case []byte:
		switch raw = v; c.kind {
		case State:
			raw = []byte(canonical(string(v)))
		case Text, JSON:
			raw = []byte(Plain(string(v)))
		case Integer, Moment, Bytes:
		}
	}
	_, _ = h.Write(binary.BigEndian.AppendUint64([]byte{1}, uint64(len(raw)))) // it cannot fail
	_, _ = h.Write(raw)
}

// replacement stands for what not every engine can hold.
const replacement = "\uFFFD"

// Plain is a text that every engine can hold: UTF-8 without the character 0.
// Each piece that is not becomes U+FFFD.
func Plain(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, replacement), "\x00", replacement)
}

// PlainJSON is JSON that every engine can look into: without escapes of the
// character 0 or of half a character. Most JSON has none, and is not touched.
func PlainJSON(text string) string {
	text = Plain(text)
	if !strings.Contains(text, `\u0000`) && !strings.Contains(text, `\ud`) && !strings.Contains(text, `\uD`) {
		return text
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return text // for the engine to refuse
	}
	return marshaled(value, text)
}

// canonical is JSON with sorted keys and numbers of one form.
func canonical(text string) string {
	var value any
	if json.Unmarshal([]byte(text), &value) != nil {
		return text
	}
	return marshaled(value, text)
}

func marshaled(value any, otherwise string) string {
	raw, err := json.Marshal(value)
	if err != nil {
		return otherwise
	}
	return strings.ReplaceAll(string(raw), `\u0000`, replacement)
}
