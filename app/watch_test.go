package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/wire"
)

// TestServe_AChangeOfTheFileIsPutInForce replaces the file as editors and
// config maps do, by renaming and by another target of a link, and writes it in
// place.
func TestServe_AChangeOfTheFileIsPutInForce(t *testing.T) {
	t.Parallel()
	data := place(t, "http://127.0.0.1:1/")
	path := filepath.Join(data, "..", "switchgear.yaml")
	p := serve(t, data)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(path, threshold string) {
		t.Helper()
		text := strings.Replace(string(before), "failureThreshold: 3", "failureThreshold: "+threshold, 1)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inForce := func(threshold string) {
		t.Helper()
		p.await(t, func(e wire.Entry) bool {
			return strings.Contains(string(e.Config), `"failureThreshold":`+threshold+",")
		})
	}

	write(path, "4")
	inForce("4")

	write(path+".new", "11")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	inForce("11")

	write(path+".target", "12")
	if err := os.Symlink(path+".target", path+".link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".link", path); err != nil {
		t.Fatal(err)
	}
	inForce("12")
}
