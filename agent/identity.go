package agent

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/degenduel/switchgear/wire"
)

// maxName is how long a name of an instance or a program may be, in bytes.
const maxName = 128

// module is where this library comes from.
const module = "github.com/degenduel/switchgear"

// identity is who this process says that it is.
func identity(opts Options) (wire.AgentHello, error) {
	for field, value := range map[string]string{"Name": opts.Name, "Program": opts.Program} {
		if len(value) > maxName {
			return wire.AgentHello{}, fmt.Errorf("agent: Options.%s: %d bytes are more than %d", field, len(value), maxName)
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	program, library := built()
	return wire.AgentHello{
		Type:     wire.TypeAgentHello,
		Instance: rand.Text(), Boot: rand.Text(), StartedAt: wire.Time{Time: time.Now()},
		Name: short(cmp.Or(opts.Name, host)), Program: short(cmp.Or(opts.Program, program)), Library: short(library),
	}, nil
}

// built is what the Go build knows of the program and of this library.
func built() (program, library string) {
	program, library = path.Base(os.Args[0]), "switchgear"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return program, library
	}
	if info.Path != "" {
		program = info.Path
	}
	version := func(m *debug.Module) string {
		if m.Version == "" || m.Version == "(devel)" {
			return ""
		}
		return " " + m.Version
	}
	all := slices.Concat(info.Deps, []*debug.Module{&info.Main})
	if i := slices.IndexFunc(all, func(m *debug.Module) bool { return m.Path == module }); i >= 0 {
		library += version(all[i])
	}
	return program + version(&info.Main), library
}

// short is a name that the manager takes.
func short(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, clean(s))
	for len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "")
	}
	return s
}

// clean replaces what no string on the wire may have.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
