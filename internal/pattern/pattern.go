// Package pattern knows the patterns of services' names.
package pattern

import (
	"regexp"
	"strings"
)

var form = regexp.MustCompile(`^[a-z0-9_.:*-]{1,128}$`)

// Valid reports whether p can be a pattern of services: 1 to 128
// characters of a service's name and '*', which stands for any run of
// characters, also none.
func Valid(p string) bool { return form.MatchString(p) }

// Match reports whether the name is one that a valid pattern is for. It looks for the pieces between the stars from left to right, each as far
// left as can be, and never goes back: what is left for the later pieces is then
// as much as can be.
func Match(pattern, name string) bool {
	piece, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, piece)
	if !ok {
		return false
	}
	for {
		if piece, rest, star = strings.Cut(rest, "*"); !star {
			return strings.HasSuffix(name, piece)
		}
		if _, name, ok = strings.Cut(name, piece); !ok {
			return false
		}
	}
}
