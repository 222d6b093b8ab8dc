package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/degenduel/switchgear/client"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is what the flags do not say.
func (*completionCmd) Help() string {
	return `To have it in every shell:

    switchgear completion bash > /etc/bash_completion.d/switchgear
    switchgear completion zsh > "${fpath[1]}/_switchgear"
    switchgear completion fish > ~/.config/fish/completions/switchgear.fish

The names of services are asked of the manager, as the commands ask it.`
}

// scripts hand the words of the command line to the hidden command, which
// prints what the last of them may become, one a line.
var scripts = map[string]string{
	"bash": `_switchgear() {
  local IFS=$'\n'
  COMPREPLY=($("${COMP_WORDS[0]}" complete-words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _switchgear switchgear
`,
	"zsh": `#compdef switchgear
_switchgear() {
  local -a candidates
  candidates=("${(@f)$("${words[1]}" complete-words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if (( ${#candidates} )) && [[ -n ${candidates[1]} ]]; then
    compadd -a candidates
  else
    _files
  fi
}
if [[ "$funcstack[1]" == _switchgear ]]; then
  _switchgear
else
  compdef _switchgear switchgear
fi
`,
	"fish": `function __switchgear_words
  set -l words (commandline -opc) (commandline -ct)
  command $words[1] complete-words -- $words[2..-1] 2>/dev/null
end
complete -c switchgear -a '(__switchgear_words)'
`,
}

// Run prints the script of a shell.
func (c *completionCmd) Run(p *process) error {
	_, err := fmt.Fprint(p.stdout, scripts[c.Shell])
	return err
}

// completeWordsCmd is what the scripts call.
type completeWordsCmd struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

// patienceToComplete is how long somebody who has pressed a key is kept waiting
// for the names of services.
const patienceToComplete = time.Second

// Run prints what the last word may become. What it cannot find out it leaves
// out: nobody could read an error.
func (c *completeWordsCmd) Run(ctx context.Context, k *kong.Context, p *process) error {
	typed := c.Words
	if len(typed) > 0 && typed[0] == "--" {
		typed = typed[1:]
	}
	if len(typed) == 0 {
		typed = []string{""}
	}
	last := typed[len(typed)-1]
	at := walk(k.Model.Node, typed[:len(typed)-1])
	words := at.words(last)
	if at.wantsService() && !strings.HasPrefix(last, "-") {
		words = append(words, p.serviceNames(ctx, last)...)
	}
	for _, word := range words {
		if strings.HasPrefix(word, last) {
			if _, err := fmt.Fprintln(p.stdout, plain(word)); err != nil {
				return err
			}
		}
	}
	return nil
}

// place is where in the grammar a command line has come to.
type place struct {
	node       *kong.Node
	flag       *kong.Flag // whose value is to come; nil: none
	positional int        // arguments that were given
}

func walk(node *kong.Node, words []string) place {
	at := place{node: node}
	for _, word := range words {
		switch {
		case at.flag != nil:
			at.flag = nil
		case strings.HasPrefix(word, "-"):
			at.flag = at.expects(word)
		default:
			if child := at.command(word); child != nil {
				at = place{node: child}
			} else {
				at.positional++
			}
		}
	}
	return at
}

func (at place) command(word string) *kong.Node {
	for _, child := range at.node.Children {
		if child.Name == word && !child.Hidden {
			return child
		}
	}
	return nil
}

func (at place) flags() []*kong.Flag {
	var all []*kong.Flag
	for _, group := range at.node.AllFlags(true) {
		all = append(all, group...)
	}
	return all
}

// expects is the flag that a word is, if its value is the next word.
func (at place) expects(word string) *kong.Flag {
	if strings.Contains(word, "=") {
		return nil
	}
	for _, f := range at.flags() {
		if !f.IsBool() && (word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short)) {
			return f
		}
	}
	return nil
}

// words are what can stand here by the grammar alone.
func (at place) words(last string) []string {
	if at.flag != nil {
		return enum(at.flag.Value)
	}
	var words []string
	if strings.HasPrefix(last, "-") {
		for _, f := range at.flags() {
			words = append(words, "--"+f.Name)
		}
		slices.Sort(words)
		return slices.Compact(words)
	}
	for _, child := range at.node.Children {
		if !child.Hidden {
			words = append(words, child.Name)
		}
	}
	if at.positional < len(at.node.Positional) {
		words = append(words, enum(at.node.Positional[at.positional])...)
	}
	return words
}

func enum(v *kong.Value) []string {
	if v.Enum == "" {
		return known[v.Name]
	}
	return v.EnumSlice()
}

// known are the words for arguments that are judged by the commands themselves.
var known = map[string][]string{
	"mode": {"forced_open", "forced_closed"}, "status": statuses, "kind": kinds,
}

// wantsService reports whether the name of a service can stand here.
func (at place) wantsService() bool {
	if at.flag != nil || at.positional >= len(at.node.Positional) {
		return false
	}
	inClient := at.node.Group != nil && at.node.Group.Key == "client" || at.node.Parent != nil && at.node.Parent.Name == "config"
	return inClient && at.node.Positional[at.positional].Name == "name" && (at.node.Parent == nil || at.node.Parent.Name != "token")
}

// serviceNames are the names of services that begin so, as far as the manager
// tells them at once.
func (p *process) serviceNames(ctx context.Context, prefix string) []string {
	manager, err := (&target{Timeout: patience(patienceToComplete)}).connect(p)
	if err != nil {
		return nil
	}
	defer manager.Close()
	page, err := manager.Services(ctx, client.ServiceQuery{Q: prefix, Page: client.Page{Limit: largestPage}})
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(page.Services))
	for _, e := range page.Services {
		names = append(names, e.Service)
	}
	return names
}
