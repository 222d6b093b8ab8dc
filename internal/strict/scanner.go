package strict

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// kind is what a JSON value is, told by its first byte.
type kind string

const (
	object  kind = "an object"
	array   kind = "a list"
	text    kind = "a string"
	number  kind = "a number"
	boolean kind = "true or false"
	null    kind = "null"
)

// scanner reads the tokens of a document. Its methods return only syntax
// errors.
type scanner struct {
	data []byte
	pos  int
}

func (s *scanner) errorf(at int, format string, args ...any) error {
	return &SyntaxError{Offset: at, Message: fmt.Sprintf(format, args...)}
}

// unexpected is the error for the byte at pos.
func (s *scanner) unexpected(want string) error {
	if s.pos >= len(s.data) {
		return s.errorf(s.pos, "unexpected end, want %s", want)
	}
	r, _ := utf8.DecodeRune(s.data[s.pos:])
	return s.errorf(s.pos, "unexpected %q, want %s", r, want)
}

func (s *scanner) validUTF8() error {
	if utf8.Valid(s.data) {
		return nil
	}
	at := 0
	for {
		r, size := utf8.DecodeRune(s.data[at:])
		if r == utf8.RuneError && size <= 1 {
			return s.errorf(at, "not UTF-8")
		}
		at += size
	}
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// next tells the kind of the value that comes, and stops before it.
func (s *scanner) next() (kind, error) {
	switch c := s.peek(); {
	case c == '{':
		return object, nil
	case c == '[':
		return array, nil
	case c == '"':
		return text, nil
	case c == '-' || '0' <= c && c <= '9':
		return number, nil
	case c == 't' || c == 'f':
		return boolean, nil
	case c == 'n':
		return null, nil
	default:
		return "", s.unexpected("a value")
	}
}

// word reads one of true, false and null.
func (s *scanner) word() (string, error) {
	for _, w := range [...]string{"true", "false", "null"} {
		end := s.pos + len(w)
		if end <= len(s.data) && string(s.data[s.pos:end]) == w {
			s.pos = end
			return w, nil
		}
	}
	return "", s.unexpected("true, false or null")
}

// numeral reads a number and returns it as written.
func (s *scanner) numeral() (string, error) {
	start := s.pos
	if s.at('-') {
		s.pos++
	}
	if s.at('0') {
		s.pos++
	} else if err := s.digits(); err != nil {
		return "", err
	}
	if s.at('.') {
		s.pos++
		if err := s.digits(); err != nil {
			return "", err
		}
	}
	if s.at('e') || s.at('E') {
		s.pos++
		if s.at('+') || s.at('-') {
			s.pos++
		}
		if err := s.digits(); err != nil {
			return "", err
		}
	}
	return string(s.data[start:s.pos]), nil
}

func (s *scanner) at(c byte) bool { return s.pos < len(s.data) && s.data[s.pos] == c }

func (s *scanner) digits() error {
	start := s.pos
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
		s.pos++
	}
	if s.pos == start {
		return s.unexpected("a digit")
	}
	return nil
}

// str reads a string, from its opening quote to its closing one.
func (s *scanner) str() (string, error) {
	s.pos++
	var b []byte // what was read, once an escape has come
	for plain := s.pos; s.pos < len(s.data); {
		switch c := s.data[s.pos]; {
		case c == '"':
			tail := s.data[plain:s.pos]
			s.pos++
			if b == nil {
				return string(tail), nil
			}
			return string(append(b, tail...)), nil
		case c < ' ':
			return "", s.errorf(s.pos, "control character in a string")
		case c == '\\':
			b = append(b, s.data[plain:s.pos]...)
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
			plain = s.pos
		default:
			s.pos++
		}
	}
	return "", s.errorf(s.pos, "unexpected end, want a closing quote")
}

// escape reads from a backslash to the end of what it stands for, which for a
// surrogate is the pair.
func (s *scanner) escape() (rune, error) {
	start := s.pos
	s.pos++
	if s.pos >= len(s.data) {
		return 0, s.unexpected("an escape")
	}
	c := s.data[s.pos]
	if c == 'u' {
		return s.unicodeEscape(start)
	}
	const names, means = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	i := strings.IndexByte(names, c)
	if i < 0 {
		return 0, s.unexpected("an escape")
	}
	s.pos++
	return rune(means[i]), nil
}

func (s *scanner) unicodeEscape(start int) (rune, error) {
	r, err := s.hex4()
	switch {
	case err != nil:
		return 0, err
	case r == 0:
		return 0, s.errorf(start, "NUL in a string")
	case !utf16.IsSurrogate(r):
		return r, nil
	}
	if s.at('\\') && s.pos+1 < len(s.data) && s.data[s.pos+1] == 'u' {
		s.pos++
		low, err := s.hex4()
		if err != nil {
			return 0, err
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, nil
		}
	}
	return 0, s.errorf(start, "half of a surrogate pair in a string")
}

// hex4 reads the u of an escape and its four digits.
func (s *scanner) hex4() (rune, error) {
	s.pos++
	if s.pos+4 > len(s.data) {
		return 0, s.errorf(len(s.data), "unexpected end, want four hex digits")
	}
	n, err := strconv.ParseUint(string(s.data[s.pos:s.pos+4]), 16, 16)
	if err != nil {
		return 0, s.errorf(s.pos, "want four hex digits")
	}
	s.pos += 4
	return rune(n), nil
}
