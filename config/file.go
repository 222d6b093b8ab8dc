package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/internal/strict"
)

// MaxFileSize is how large a config file may be, in bytes.
const MaxFileSize = 4 << 20

// maxProblems bounds the list of a FileError.
const maxProblems = 1000

// File is a config file that was read and found good.
type File struct {
	// Name is what errors and warnings call it: its path.
	Name string

	// Defaults is the breaker config that those of the services were put over.
	Defaults switchgear.Config

	// Services are the declared services by name; none of them depends on one
	// that is not here, and none on itself.
	Services map[string]Service

	// Alerts say what is told of, and to whom.
	Alerts Alerts

	// Quorums are the fleet rules (fleet.quorumInstances, quorumShare, services).
	Quorums Quorums

	// Settings are those of the process; what the file does not say is zero.
	Settings Settings

	top      section            // all but the services, for the lines of warnings
	sections map[string]section // of the services
}

// Problem is an error or a warning and where in the file it is.
type Problem struct {
	File    string
	Line    int    // from 1; 0 where it is about no line
	Field   string // the path, such as services.web.config.jitter; may be empty
	Message string
}

// String is the problem as compilers write it: file:line: field: message.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		b.WriteString(":" + strconv.Itoa(p.Line))
	}
	b.WriteString(": ")
	if p.Field != "" {
		b.WriteString(p.Field + ": ")
	}
	return b.String() + p.Message
}

// FileError is a file that was refused, with everything that is wrong with it.
type FileError struct {
	// Problems are sorted by line, and then as they were found. Of more than a
	// thousand the first found are kept, and a last one says how many are not.
	Problems []Problem
}

// Error is one problem a line.
func (e *FileError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Load reads the file at a path; see Parse. A file that cannot be read at all
// is the error of the os package, wrapped.
func Load(path string) (*File, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return Parse(path, data)
}

// Parse reads the content of a file, which errors call name. It returns a
// *FileError if anything is wrong.
func Parse(name string, data []byte) (*File, error) {
	r := reader{file: &File{Name: name, Services: map[string]Service{}, Alerts: DefaultAlerts(), sections: map[string]section{}}}
	r.translator = translator{report: r.report, inside: make(map[*yaml.Node]bool)}
	if root := r.document(data); root != nil {
		r.read(root)
	}
	if len(r.problems) > 0 {
		return nil, r.failure()
	}
	return r.file, nil
}

// reader reads one file.
type reader struct {
	translator

	file     *File
	problems []Problem
	unlisted int
}

func (r *reader) report(line int, path, format string, args ...any) {
	if len(r.problems) == maxProblems {
		r.unlisted++
		return
	}
	r.problems = append(r.problems, Problem{r.file.Name, line, path, fmt.Sprintf(format, args...)})
}

func (r *reader) failure() *FileError {
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	r.problems = slices.Compact(r.problems)
	if r.unlisted > 0 {
		r.problems = append(r.problems, Problem{File: r.file.Name, Message: fmt.Sprintf("and %d more", r.unlisted)})
	}
	return &FileError{Problems: r.problems}
}

var (
	// yamlLine is how the parser tells where it stopped.
	yamlLine = regexp.MustCompile(`^line (\d+): `)

	// yamlAlias is how it tells of an alias of nothing, with its name, which
	// is a secret where somebody forgot the quotes.
	yamlAlias = regexp.MustCompile(`(?s)^unknown anchor '(.*)' referenced$`)
)

// document is the root of the file's one document, or nil if it is empty or
// cannot be read.
func (r *reader) document(data []byte) *yaml.Node {
	if len(data) > MaxFileSize {
		r.report(0, "", "larger than %d MiB", MaxFileSize>>20)
		return nil
	}
	for at := 0; at < len(data); {
		c, size := utf8.DecodeRune(data[at:])
		if c == utf8.RuneError && size == 1 {
			r.report(1+bytes.Count(data[:at], []byte("\n")), "", "not UTF-8")
			return nil
		}
		at += size
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := d.Decode(&doc)
	if err == nil {
		if err = d.Decode(&second); err == nil {
			r.report(second.Line, "", "a second document begins; there can be one")
			return nil
		}
	}
	if !errors.Is(err, io.EOF) {
		message := strings.TrimPrefix(err.Error(), "yaml: ")
		line := 0
		if m := yamlLine.FindStringSubmatch(message); m != nil {
			line, _ = strconv.Atoi(m[1])
			message = message[len(m[0]):]
		}
		if m := yamlAlias.FindStringSubmatch(message); m != nil {
			line = 1 + bytes.Count(data[:max(0, bytes.Index(data, []byte("*"+m[1])))], []byte("\n"))
			message = "an alias of an anchor that is not there; put a text that begins with * in quotes"
		}
		r.report(line, "", "%s", message)
		return nil
	}
	if len(doc.Content) == 0 {
		return nil
	}
	return doc.Content[0]
}

// topJSON is the file but for its services.
type topJSON struct {
	settingsJSON

	Alerts   *alertsJSON     `json:"alerts"`
	Defaults json.RawMessage `json:"defaults"`
	Services json.RawMessage `json:"services"`
}

func (r *reader) read(root *yaml.Node) {
	root, leave, problem := r.enter(root)
	defer leave()
	switch {
	case problem != "":
		r.report(root.Line, "", "%s", problem)
		return
	case root.ShortTag() == "!!null":
		return
	case root.Kind != yaml.MappingNode:
		r.report(root.Line, "", "must be a mapping with the keys defaults, services, alerts, fleet, server, auth, store, bus, metrics and log")
		return
	}
	top := yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	var services pair
	r.pairs(root, "", 1, func(p pair) {
		key := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: p.key, Line: p.line}
		if p.key == "services" {
			services = p
			return
		}
		top.Content = append(top.Content, &key, p.value)
	})
	r.top(&top)
	if services.value != nil {
		r.services(services)
	}
}

// top reads all but the services.
func (r *reader) top(n *yaml.Node) {
	s := r.translate(n, n.Line, "")
	r.file.top = s
	var doc topJSON
	var bad, more problems
	if err := bad.addAll("", strict.Decode(s.json, &doc, strict.Options{})); err != nil {
		bad.add("", "%v", err)
	}
	if doc.Defaults != nil {
		more = mergeConfig(&r.file.Defaults, doc.Defaults, "defaults")
	}
	r.file.Alerts = doc.Alerts.alerts(&more)
	r.file.Settings = doc.settings(&more)
	r.file.Quorums = doc.Fleet.quorums(&more)
	bad.addNew(more)
	r.reportAll(s, "", bad)
}

func (r *reader) reportAll(s section, path string, bad problems) {
	for _, f := range bad {
		r.report(s.line(f.Field), join(path, f.Field), "%s", f.Message)
	}
}

func (r *reader) services(p pair) {
	n, leave, problem := r.enter(p.value)
	defer leave()
	switch {
	case problem != "":
		r.report(p.line, p.key, "%s", problem)
		return
	case n.ShortTag() == "!!null":
		return
	case n.Kind != yaml.MappingNode:
		r.report(p.line, p.key, "must be a mapping of names to services")
		return
	}
	dependencies := make(map[string][]string)
	r.pairs(n, p.key, 1, func(p pair) {
		s := r.service(p)
		dependencies[p.key] = nil
		if len(s.Dependencies) <= maxDependencies { // more, and bad ones, were reported with the section
			dependencies[p.key] = slices.DeleteFunc(slices.Clone(s.Dependencies), func(d string) bool {
				return d == p.key || !switchgear.ValidName(d)
			})
		}
		r.file.Services[p.key] = s
	})
	r.dependencies(dependencies)
}

func (r *reader) service(p pair) Service {
	path := join("services", p.key)
	if !switchgear.ValidName(p.key) {
		r.report(p.line, "services", "%s is no name of a service: %s", quote(p.key), nameForm)
		path = "services." + quote(p.key)
	}
	sec := r.translate(p.value, p.line, path)
	if string(sec.json) == "null" {
		sec.json = []byte("{}")
	}
	s, bad, err := decodeService(sec.json, DecodeOptions{Name: p.key, Defaults: r.file.Defaults, AllowCommand: true})
	if err != nil {
		bad.add("", "%v", err)
	}
	r.reportAll(sec, path, bad)
	r.file.sections[p.key] = sec
	return s
}

func (r *reader) dependencies(services map[string][]string) {
	var e *DependencyError
	if !errors.As(CheckDependencies(services), &e) {
		return
	}
	report := func(service, dependency, format string, args ...any) {
		field := dependencyField(r.file.Services[service].Dependencies, dependency)
		r.report(r.file.sections[service].line(field), join("services."+service, field), format, args...)
	}
	for _, m := range e.Missing {
		report(m.Service, m.Dependency, "%s is declared nowhere", quote(m.Dependency))
	}
	for _, c := range e.Cycles {
		report(c[0], c[1], "a cycle: %s", strings.Join(c, " -> "))
	}
}
