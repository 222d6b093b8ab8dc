// Command testreport reads what `go test -json` writes and prints what go test
// prints without -v: the closing line of each package, and all that a failed
// test said. Unlike go test it fails, with exit code 1, if a test was skipped,
// and names it: a skipped test has shown nothing.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	skipped, err := report(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	if len(skipped) > 0 {
		fmt.Fprintf(os.Stderr, "\nskipped, which counts as failed:\n  %s\n", strings.Join(skipped, "\n  "))
		os.Exit(1)
	}
}

// event is a line of `go doc test2json`, of a package where Test is empty.
type event struct {
	Action, Package, Test, Output string
}

// report copies to w what is worth reading and returns the skipped tests.
func report(r io.Reader, w io.Writer) (skipped []string, err error) {
	type source struct{ pkg, test string }
	said := make(map[source][]string)
	say := func(lines ...string) { _, _ = io.WriteString(w, strings.Join(lines, "")) }
	for lines := bufio.NewReader(r); ; {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return skipped, nil
		}
		if err != nil && line == "" {
			return skipped, err
		}
		var e event
		if json.Unmarshal([]byte(line), &e) != nil {
			say(line) // from the go command itself
			continue
		}
		from := source{e.Package, e.Test}
		switch e.Action {
		case "build-output":
			say(e.Output)
		case "output":
			if !strings.HasPrefix(e.Output, "=== ") {
				said[from] = append(said[from], e.Output)
			}
		case "fail":
			if e.Test == "" { // first what its unfinished tests said
				for s, lines := range said {
					if s.pkg == e.Package && s.test != "" {
						say(lines...)
						delete(said, s)
					}
				}
			}
			say(said[from]...)
			delete(said, from)
		case "pass", "skip":
			if own := said[from]; e.Test == "" && len(own) > 0 {
				say(own[len(own)-1]) // the closing line
			}
			if e.Action == "skip" && e.Test != "" {
				skipped = append(skipped, e.Package+" "+e.Test)
			}
			delete(said, from)
		}
	}
}
