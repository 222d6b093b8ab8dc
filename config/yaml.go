package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	// maxDepth is more than any section needs and less than the JSON decoder
	// allows.
	maxDepth = 16

	// maxExpansion bounds, in bytes, what aliases add to a file.
	maxExpansion = 16 << 20

	// nodeCost is what a node counts for beside its text.
	nodeCost = 32
)

// decimal is how JSON writes numbers: the only way in which YAML 1.1, YAML 1.2
// and people read the same.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// secretPath is where values stand that no error may show.
var secretPath = regexp.MustCompile(`^auth\.jwt\.secret$|\.healthCheck\.(http\.headers\..+|command\.argv\[\d+\])$|` +
	`^alerts\.receivers\..+\.(webhook\.(secret|url)|alertmanager\.url|notify\.url)$`)

// translator turns YAML into JSON and remembers on which line what stood.
type translator struct {
	report func(line int, path, format string, args ...any)

	aliases   int                 // how many aliases are being followed
	expansion int                 // bytes that they have added
	inside    map[*yaml.Node]bool // the mappings and lists that are being read
}

// section is a part of the file as JSON.
type section struct {
	json  []byte
	lines map[string]int // by path, as the strict decoder writes it
}

// line is where a path, or else what is nearest above it, stands.
func (s section) line(path string) int {
	for {
		if line, ok := s.lines[path]; ok {
			return line
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return s.lines[""]
		}
		path = path[:cut]
	}
}

// pair is a key of a mapping and its value.
type pair struct {
	key   string
	line  int // of the key
	value *yaml.Node
}

// translate turns what stands under a path of the file into JSON. The lines
// are by the path within the section.
func (t *translator) translate(n *yaml.Node, line int, path string) section {
	s := section{lines: make(map[string]int)}
	var b bytes.Buffer
	w := writer{translator: t, section: &s, outer: path, out: &b}
	if !w.value(n, line, "", 1) {
		b.Reset()
		b.WriteString("null")
	}
	s.json = b.Bytes()
	return s
}

// writer writes one section.
type writer struct {
	*translator

	section *section
	outer   string // the section's own path
	out     *bytes.Buffer
}

func (w *writer) fail(line int, path, format string, args ...any) bool {
	w.report(line, join(w.outer, path), format, args...)
	return false
}

// value writes a value. It returns false, and has written nothing, if there is
// none to write; that was reported.
func (w *writer) value(n *yaml.Node, line int, path string, depth int) bool {
	w.section.lines[path] = line
	n, leave, problem := w.enter(n)
	defer leave()
	if problem == "" && depth > maxDepth {
		problem = fmt.Sprintf("nested deeper than %d", maxDepth)
	}
	if problem != "" {
		return w.fail(line, path, "%s", problem)
	}
	if n.Kind == yaml.MappingNode {
		w.mapping(n, path, depth)
		return true
	}
	if n.Kind == yaml.SequenceNode {
		w.sequence(n, path, depth)
		return true
	}
	text, problem := scalar(n)
	if problem != "" && secretPath.MatchString(join(w.outer, path)) {
		problem = "is not a text: put it in quotes"
	}
	if problem != "" {
		return w.fail(line, path, "%s", problem)
	}
	w.out.Write(text)
	return true
}

// enter begins to read a node, or what it is an alias of, and counts what is
// read through an alias. It returns what is wrong, or nothing. leave is to be
// called after the node was read.
func (t *translator) enter(n *yaml.Node) (to *yaml.Node, leave func(), problem string) {
	leave = func() {}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
		if t.inside[n] {
			return n, leave, "an alias of what it stands in"
		}
		t.aliases++
		leave = func() { t.aliases-- }
	}
	if t.aliases > 0 {
		t.expansion += nodeCost + len(n.Value)
		if t.expansion > maxExpansion {
			return n, leave, fmt.Sprintf("aliases expand to more than %d MiB", maxExpansion>>20)
		}
	}
	if n.Kind == yaml.ScalarNode {
		return n, leave, ""
	}
	own := map[yaml.Kind]string{yaml.MappingNode: "!!map", yaml.SequenceNode: "!!seq"}
	if tag := n.ShortTag(); tag != own[n.Kind] {
		return n, leave, "the tag " + quote(tag) + " means nothing here"
	}
	t.inside[n] = true
	out := leave
	return n, func() { delete(t.inside, n); out() }, ""
}

func (w *writer) mapping(n *yaml.Node, path string, depth int) {
	w.out.WriteByte('{')
	first := true
	w.pairs(n, join(w.outer, path), depth, func(p pair) {
		mark := w.out.Len()
		if !first {
			w.out.WriteByte(',')
		}
		w.out.Write(jsonString(p.key))
		w.out.WriteByte(':')
		if w.value(p.value, p.line, join(path, p.key), depth+1) {
			first = false
		} else {
			w.out.Truncate(mark)
		}
	})
	w.out.WriteByte('}')
}

func (w *writer) sequence(n *yaml.Node, path string, depth int) {
	w.out.WriteByte('[')
	i := 0
	for _, item := range n.Content {
		mark := w.out.Len()
		if i > 0 {
			w.out.WriteByte(',')
		}
		if w.value(item, item.Line, fmt.Sprintf("%s[%d]", path, i), depth+1) {
			i++
		} else {
			w.out.Truncate(mark)
		}
	}
	w.out.WriteByte(']')
}

// pairs calls yield with the keys of a mapping, each once, and then with those
// that are merged into it and that it does not have itself.
func (t *translator) pairs(n *yaml.Node, path string, depth int, yield func(pair)) {
	lines := make(map[string]int)
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name, problem := keyName(key)
		if problem != "" {
			t.report(key.Line, path, "%s", problem)
			continue
		}
		if line, ok := lines[name]; ok {
			t.report(key.Line, join(path, name), "given twice, first on line %d", line)
			continue
		}
		lines[name] = key.Line
		if t.aliases > 0 {
			t.expansion += len(name)
		}
		if key.ShortTag() == "!!merge" {
			merged = append(merged, value)
			continue
		}
		yield(pair{name, key.Line, value})
	}
	for _, m := range merged {
		t.merge(m, path, depth+1, lines, yield)
	}
}

// merge yields what a merge key brings in: of one mapping, or of each of a
// list of them, where the earlier counts.
func (t *translator) merge(n *yaml.Node, path string, depth int, lines map[string]int, yield func(pair)) {
	at := n.Line
	n, leave, problem := t.enter(n)
	defer leave()
	if problem == "" && depth > maxDepth {
		problem = fmt.Sprintf("merges more than %d deep", maxDepth)
	}
	switch {
	case problem != "":
		t.report(at, join(path, "<<"), "%s", problem)
	case n.Kind == yaml.MappingNode:
		t.pairs(n, path, depth, func(p pair) {
			if _, ok := lines[p.key]; !ok {
				lines[p.key] = p.line
				yield(p)
			}
		})
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			t.merge(item, path, depth+1, lines, yield)
		}
	default:
		t.report(at, join(path, "<<"), "only a mapping, or a list of them, can be merged")
	}
}

func keyName(key *yaml.Node) (name, problem string) {
	switch {
	case key.Kind != yaml.ScalarNode:
		return "", "a key must be a plain word"
	case key.ShortTag() == "!!null":
		return "", "a key is missing"
	case !sound(key.Value):
		return "", "a key has a character that it cannot have"
	}
	return key.Value, ""
}

// scalar is a value that is no mapping and no list, as JSON. The tag is the
// file's or, without one, what the text looks like.
func scalar(n *yaml.Node) (text []byte, problem string) {
	switch tag := n.ShortTag(); tag {
	case "!!str", "!!timestamp":
		if !sound(n.Value) {
			return nil, "has a character that it cannot have"
		}
		return jsonString(n.Value), ""
	case "!!int", "!!float":
		if !decimal.MatchString(n.Value) {
			return nil, quote(n.Value) + " is not a number that all readers of YAML read alike: " +
				"write it in decimal, or in quotes if it is a text"
		}
		return []byte(n.Value), ""
	case "!!bool":
		switch v := strings.ToLower(n.Value); v {
		case "true", "false":
			return []byte(v), ""
		}
		return nil, quote(n.Value) + " is not true or false"
	case "!!null":
		return []byte("null"), ""
	default:
		return nil, "the tag " + quote(tag) + " means nothing here"
	}
}

// sound reports whether JSON can have a text.
func sound(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

func jsonString(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`) // no string fails
	}
	return b
}
