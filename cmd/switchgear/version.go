package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/degenduel/switchgear/wire"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version string

// buildVersion is what this program is, as far as it was told when it was
// built.
func buildVersion() wire.Version {
	v := wire.Version{Version: version, Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version = cmp.Or(v.Version, info.Main.Version)
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				v.Commit = s.Value + v.Commit
			case s.Key == "vcs.modified" && s.Value == "true":
				v.Commit += "-dirty"
			}
		}
	}
	v.Version = cmp.Or(v.Version, "(devel)")
	return v
}

type versionCmd struct {
	output
}

// Run prints the version.
func (c *versionCmd) Run(p *process) error {
	v := buildVersion()
	if c.Output == "json" {
		return p.printJSON(v)
	}
	_, err := fmt.Fprintf(p.stdout, "switchgear %s, commit %s, %s\n", v.Version, cmp.Or(v.Commit, "unknown"), v.Go)
	return err
}
