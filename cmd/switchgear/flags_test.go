package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestFlagOf_NamesFlagsThatThereAre looks for each in the commands.
func TestFlagOf_NamesFlagsThatThereAre(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&grammar{}, kong.Vars{"default_url": defaultURL})
	if err != nil {
		t.Fatal(err)
	}
	there := make(map[string]bool)
	var look func(n *kong.Node)
	look = func(n *kong.Node) {
		for _, f := range n.Flags {
			there["--"+f.Name] = true
		}
		for _, child := range n.Children {
			look(child)
		}
	}
	look(parser.Model.Node)
	for field, flag := range flagOf {
		if strings.HasPrefix(flag, "--") && !there[flag] {
			t.Errorf("%s: there is no %s", field, flag)
		}
	}
}
