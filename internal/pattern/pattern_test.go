package pattern

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// matches says what a pattern means, slowly.
func matches(pattern, name string) bool {
	switch {
	case pattern == "":
		return name == ""
	case pattern[0] == '*':
		return matches(pattern[1:], name) || name != "" && matches(pattern, name[1:])
	}
	return name != "" && pattern[0] == name[0] && matches(pattern[1:], name[1:])
}

func TestMatch_MeansWhatPatternsMean(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*]{1,8}`).Draw(t, "pattern")
		name := rapid.StringMatching(`[ab]{0,8}`).Draw(t, "name")
		if got, want := Match(pattern, name), matches(pattern, name); got != want {
			t.Fatalf("Match(%q, %q) = %v", pattern, name, got)
		}
	})
}

func TestValid_IsANameWithStars(t *testing.T) {
	t.Parallel()
	for p, want := range map[string]bool{
		"*": true, "a": true, "a*": true, "9_.:-*": true, strings.Repeat("a", 128): true, "-a*": true,
		"": false, "A": false, "a b": false, "a?": false, "ä": false, "a\n": false, "a/b": false, "[a]": false,
		strings.Repeat("a", 129): false,
	} {
		if got := Valid(p); got != want {
			t.Errorf("Valid(%q) = %v", p, got)
		}
	}
}
