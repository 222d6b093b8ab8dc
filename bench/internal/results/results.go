// Package results keeps a file of measurements that several programs write: each
// writes the sections that it measured, says on which machine, and leaves the
// others as they are.
package results

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// Machine is what a measurement was made on.
type Machine struct {
	CPU    string // empty where the system does not say
	Cores  int
	Go     string
	Kernel string
	At     time.Time
}

// ThisMachine is the machine that the program runs on, now.
func ThisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Kernel: runtime.GOOS + "/" + runtime.GOARCH, At: time.Now()}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := regexp.MustCompile(`(?m)^model name\s*:\s*(.+)$`).FindSubmatch(info); found != nil {
			m.CPU = string(found[1])
		}
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = runtime.GOOS + " " + strings.TrimSpace(string(release)) + " " + runtime.GOARCH
	}
	return m
}

// String is the machine in one line.
func (m Machine) String() string {
	cpu := m.CPU
	if cpu == "" {
		cpu = "a CPU that does not say which"
	}
	return fmt.Sprintf("%s, %d cores · %s · %s · %s", cpu, m.Cores, m.Kernel, m.Go, m.At.UTC().Format(time.DateOnly))
}

// Section is one part of the file.
type Section struct {
	Name    string // of its markers: letters, digits and dashes
	Title   string
	Command string // that measures it again
	Machine Machine
	Body    string // Markdown
}

// text is the section between its markers.
func (s *Section) text() string {
	return fmt.Sprintf("%s\n## %s\n\n%s\n\n    %s\n\n%s\n%s\n",
		marker(s.Name, "begin"), s.Title, s.Machine, s.Command, strings.TrimSpace(s.Body), marker(s.Name, "end"))
}

func marker(name, which string) string { return "<!-- " + name + ":" + which + " -->" }

const title = "# Results\n\nMeasured by the programs of this module, each beside a floor in the same run; they\nwrite their own sections. Compare within a section, not between machines.\n"

var validName = regexp.MustCompile(`^[a-z0-9-]+$`)

// Write puts the sections in the place of those with the same names, and new
// ones at the end. It makes the file where there is none, and replaces it at once.
func Write(path string, sections ...Section) error {
	old, err := os.ReadFile(path) //nolint:gosec // the caller says which
	switch {
	case errors.Is(err, fs.ErrNotExist):
		old = []byte(title)
	case err != nil:
		return err
	}
	text := old
	for i := range sections {
		if text, err = replace(text, &sections[i]); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if bytes.Equal(text, old) {
		return nil
	}
	next := path + ".new"
	if err := os.WriteFile(next, text, 0o644); err != nil { //nolint:gosec // it is for everybody to read
		return err
	}
	return os.Rename(next, path)
}

func replace(text []byte, s *Section) ([]byte, error) {
	if !validName.MatchString(s.Name) {
		return nil, fmt.Errorf("%q cannot name a section", s.Name)
	}
	before, rest, found := bytes.Cut(text, []byte(marker(s.Name, "begin")+"\n"))
	if !found {
		return fmt.Appendf(text, "\n%s", s.text()), nil
	}
	_, after, found := bytes.Cut(rest, []byte(marker(s.Name, "end")+"\n"))
	if !found {
		return nil, fmt.Errorf("section %s begins and does not end", s.Name)
	}
	return fmt.Appendf(nil, "%s%s%s", before, s.text(), after), nil
}
