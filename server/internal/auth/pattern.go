package auth

import (
	"regexp"
	"strings"
)

var patternForm = regexp.MustCompile(`^[a-z0-9_.:*-]{1,128}$`)

// ValidPattern reports whether p can be a pattern of services: 1 to 128
// characters of a service's name and '*', which stands for any run of
// characters, also none.
func ValidPattern(p string) bool { return patternForm.MatchString(p) }

// match looks for the pieces between the stars from left to right, each as far
// left as can be, and never goes back: what is left for the later pieces is then
// as much as can be.
func match(pattern, name string) bool {
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
