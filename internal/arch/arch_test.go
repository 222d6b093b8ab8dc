// Package arch holds the rule of who may import whom, as a test.
package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers lists every package of the module from the bottom up. A package may
// import only packages of rows above its own; a package in no row and a row
// without a package fail the test, so that the table cannot rot. Modules of
// their own (bench, tools) are in no row: nothing here can import them.
var layers = [][]string{
	{"internal/*"},
	{"."},
	{"httpbreaker", "grpcbreaker", "sqlbreaker", "failsafebreaker", "otelbreaker", "wire", "config"},
	{"client", "probe"},
	{"tui", "agent"},
	{"fleet"},
	{"bus/internal/*"},
	{"alert", "metrics", "series", "bus/*", "store/internal/*", "store/storetest"},
	{"store/*", "alert/*"},
	{"ui", "server/internal/auth", "server/internal/problem", "server/internal/view", "server/internal/openapitest", "server/internal/relay"},
	{"server/internal/socket"},
	{"server/rest", "server/ws", "server/agents"},
	{"server"},
	{"app"},
	{"demo"},
	{"cmd/*"},
}

// stdOnly are the packages that users link into their own programs and that
// promise to bring nothing along, by themselves or through what they import.
var stdOnly = []string{".", "httpbreaker"}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	pkgs := imports(t, "../..")
	for from, all := range pkgs {
		rank := layerOf(from)
		if rank < 0 {
			t.Errorf("%s is in no layer", from)
			continue
		}
		for _, to := range all.own {
			if layerOf(to) >= rank {
				t.Errorf("%s imports %s, which is not below it", from, to)
			}
		}
	}
	folders := slices.Collect(maps.Keys(pkgs))
	for _, row := range layers {
		for _, pattern := range row {
			if !slices.ContainsFunc(folders, func(pkg string) bool { return matches(pattern, pkg) }) {
				t.Errorf("no package matches the layer %q", pattern)
			}
		}
	}
}

func TestLibraryBringsOnlyTheStandardLibrary(t *testing.T) {
	t.Parallel()
	pkgs := imports(t, "../..")
	seen := make(map[string]bool)
	var visit func(pkg, chain string)
	visit = func(pkg, chain string) {
		if seen[pkg] {
			return
		}
		seen[pkg] = true
		for _, foreign := range pkgs[pkg].foreign {
			t.Errorf("%s imports %s", chain, foreign)
		}
		for _, own := range pkgs[pkg].own {
			visit(own, chain+" imports "+own)
		}
	}
	for _, pkg := range stdOnly {
		visit(pkg, pkg)
	}
}

// imported is what the files of one package import, tests left out: packages of
// this module by their folder, and packages of other modules.
type imported struct {
	own, foreign []string
}

// imports reads the files under root themselves, not through the go command, so
// that the test cache sees what is read and runs the test again when it changes.
func imports(t *testing.T, root string) map[string]imported {
	t.Helper()
	module := modulePath(t, filepath.Join(root, "go.mod"))
	pkgs := make(map[string]imported)
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && file != root && (isOutside(name) || exists(filepath.Join(file, "go.mod"))):
			return filepath.SkipDir
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from := filepath.ToSlash(dir)
		pkg := pkgs[from]
		for _, spec := range f.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if to, ok := within(module, imp); ok {
				pkg.own = append(pkg.own, to)
			} else if host, _, _ := strings.Cut(imp, "/"); strings.Contains(host, ".") {
				pkg.foreign = append(pkg.foreign, imp)
			}
		}
		pkgs[from] = pkg
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pkgs
}

// isOutside tells the folders that the go command passes over.
func isOutside(folder string) bool {
	return folder == "testdata" || folder == "node_modules" || folder[0] == '.' || folder[0] == '_'
}

func modulePath(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(strings.TrimPrefix(line, "module"))
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// within reports whether imp is of the module, and its folder there: "." for
// the root.
func within(module, imp string) (folder string, ok bool) {
	if imp == module {
		return ".", true
	}
	return strings.CutPrefix(imp, module+"/")
}

// layerOf is the row of pkg, counted from the bottom, or -1. The first that
// matches counts: store/storetest is of store/* too, but of its own row first.
func layerOf(pkg string) int {
	return slices.IndexFunc(layers, func(row []string) bool {
		return slices.ContainsFunc(row, func(pattern string) bool { return matches(pattern, pkg) })
	})
}

func matches(pattern, pkg string) bool {
	ok, _ := path.Match(pattern, pkg)
	return ok
}
