package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/internal/testpg"
)

func TestStart_MeasuresEveryPart(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Log("what processes use is read from /proc, as Linux has it: elsewhere nothing is measured")
		return
	}
	runs := [][]string{{"-runs", "20x3,30x120", "-storms", "cut,kill"}}
	if server, ok := testpg.StartOwn(t); ok {
		runs = append(runs, []string{"-runs", "20x3", "-section", "other", "-database", server.Database(t)})
	}
	path := filepath.Join(t.TempDir(), "RESULTS.md")
	for _, args := range runs {
		args = append(args, "-warm", "100ms", "-for", "1500ms", "-share", "1", "-transitions", "50", "-results", path)
		if err := start(t.Context(), args); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<!-- fleet:begin -->", "| 20 × 3 | 6 | SQLite |", "| 30 × 120 | 360 |", "| 20 × 3 | cut |", "| 30 × 120 | kill |"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "faults") {
		t.Errorf("something went wrong:\n%s", text)
	}
	if strings.Contains(string(text), "127.0.0.1") {
		t.Errorf("the database's URL is shown:\n%s", text)
	}
}

func TestStart_RefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-runs 10":                           `"10"`,
		"-runs 0x1":                          `"0x1"`,
		"-share 2":                           "-share: 2",
		"-instances 0":                       "-instances: 0",
		"-watchers 17":                       "-watchers: 17",
		"-storms flood":                      `"flood"`,
		"-url http://127.0.0.1 -storms kill": "of our own",
		"-runs 1x1,2x2 -database postgres:":  "one run only",
		"more":                               "no arguments",
	} {
		if err := start(t.Context(), strings.Fields(args)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", args, err, want)
		}
	}
}

func TestSpans_AreWithinAFewPercent(t *testing.T) {
	t.Parallel()
	var s spans
	for i := range 1000 {
		s.add(time.Duration(i+1) * time.Millisecond)
	}
	for share, want := range map[float64]time.Duration{0: time.Millisecond, 0.5: 501 * time.Millisecond, 0.99: 991 * time.Millisecond} {
		if got := s.at(share); got < want || got > want*106/100 {
			t.Errorf("at %v: %v, want %v and up to 6 %% more", share, got, want)
		}
	}
	if s.forget(); s.at(0.5) != 0 || s.text() != "–" {
		t.Errorf("after it has forgotten: %v", s.at(0.5))
	}
}
