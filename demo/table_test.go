package demo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.Local)

// sample are looks at services in every state, a second apart.
func sample() []look {
	at := func(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }
	profile := func(threshold int) switchgear.Config { return switchgear.Config{FailureThreshold: threshold} }
	performance := func(p95 time.Duration) switchgear.Performance { return switchgear.Performance{P95: p95} }
	well, ill := switchgear.Health{Checked: true, Healthy: true}, switchgear.Health{Checked: true}
	now := []fleet.View{
		{
			Service: "token_sync_service", Layer: "data", Status: fleet.StatusHealthy, Health: well,
			Breaker: switchgear.Snapshot{
				AdmittedShare: 1, Operations: switchgear.Operations{Successful: 1028}, Performance: performance(6100 * time.Microsecond),
			},
		},
		{
			Service: "market_data_service", Layer: "data", Status: fleet.StatusCircuitOpen, Health: ill, Config: profile(3),
			Breaker: switchgear.Snapshot{
				State: switchgear.Open, Failures: 3, NextAttemptAt: at(2.4),
				Operations: switchgear.Operations{Failed: 3, Rejected: 27}, Performance: performance(501 * time.Millisecond),
			},
		},
		{
			Service: "contest_evaluation_service", Layer: "contest", Status: fleet.StatusDegraded, Health: well, Config: profile(10),
			Breaker: switchgear.Snapshot{
				State: switchgear.HalfOpen, Failures: 10, AdmittedShare: 0.05, ClosesAt: at(8.96),
				Operations: switchgear.Operations{Successful: 2, Rejected: 26}, Performance: performance(1200 * time.Millisecond),
			},
		},
		{
			Service: "wallet_rake_service", Layer: "wallet", Health: well,
			Breaker: switchgear.Snapshot{
				Mode: switchgear.ForcedOpen, Override: &switchgear.Override{Mode: switchgear.ForcedOpen, Until: at(95)},
				Operations: switchgear.Operations{Rejected: 5000},
			},
		},
		{
			Service: "vanity_wallet_service", Layer: "wallet",
			Breaker: switchgear.Snapshot{
				Mode: switchgear.ForcedClosed, AdmittedShare: 1, Failures: 123456,
				Override: &switchgear.Override{Mode: switchgear.ForcedClosed, Until: at(7260)},
			},
		},
		{
			Service: "a-service-with-a-long-name", Layer: "a-long-layer",
			Breaker: switchgear.Snapshot{Mode: switchgear.Disabled, AdmittedShare: 1},
		},
	}
	before := make([]fleet.View, len(now))
	for i, v := range now {
		v.Breaker.Operations = switchgear.Operations{}
		before[i] = v
	}
	before[0].Breaker.Operations.Successful = 1000
	return []look{{noon.Add(-time.Second), before}, {noon, now}}
}

func sampleBoard(s *screen) *board {
	b := newBoard(nil, s)
	b.looks = sample()
	b.number, b.act = 1, acts(usualTempo)[0]
	b.latest = []line{
		{noon.Add(-time.Second), "market_data_service", "opened for 3.0s, 3 failures: GET /work: 500 Internal Server Error"},
		{noon, "", "market_data_service is repaired"},
		{noon, "referral_service", "is held open by admin (\x1b[2Jto\nsee it)"},
	}
	return b
}

func TestTable_ShowsEveryStateIn80Columns(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*screen{
		"plain":   {out: &strings.Builder{}},
		"colored": {out: &strings.Builder{}, color: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := sampleBoard(s)
			lines := b.picture(b.looks[1])
			golden(t, name+".golden", strings.Join(lines, "\n")+"\n")
			if len(lines) > usualHeight-1 {
				t.Errorf("%d lines do not fit", len(lines))
			}
			for _, l := range lines {
				if n := utf8.RuneCountInString(l); !s.color && n > usualWidth-1 {
					t.Errorf("a line of %d: %s", n, l)
				}
			}
		})
	}
}

// golden compares text with a file, or writes it there.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestPicture_WholeCastFitsIn24Lines(t *testing.T) {
	t.Parallel()
	b := sampleBoard(&screen{out: &strings.Builder{}})
	var views []fleet.View
	for _, p := range cast {
		views = append(views, fleet.View{Service: p.name, Layer: p.layer})
	}
	b.looks = []look{{noon, views}}
	for range maxLatest + 5 {
		b.latest = append(b.latest, line{noon, "", "news"})
	}
	for i, a := range acts(usualTempo) {
		b.act = a
		lines := b.picture(b.looks[0])
		if len(lines) != usualHeight-1 {
			t.Errorf("act %d: %d lines", i+1, len(lines))
		}
		if !strings.HasSuffix(lines[len(lines)-1], "news") {
			t.Errorf("act %d: the latest news is not the last line", i+1)
		}
	}
}

// tty is what a program has drawn: lines, with the cursor below them.
type tty struct{ lines []string }

func (s *tty) Write(p []byte) (int, error) {
	text := string(p)
	for text != "" {
		var n int
		rest := text
		if strings.HasPrefix(rest, "\x1b[") {
			rest = rest[2:]
			for rest[0] >= '0' && rest[0] <= '9' {
				n = 10*n + int(rest[0]-'0')
				rest = rest[1:]
			}
			if up, ok := strings.CutPrefix(rest, "A\r\x1b[J"); ok {
				s.lines = s.lines[:len(s.lines)-n]
				text = up
				continue
			}
		}
		l, after, _ := strings.Cut(text, "\n")
		s.lines = append(s.lines, l)
		text = after
	}
	return len(p), nil
}

func TestScreen_DrawsInPlaceBelowWhatIsPrinted(t *testing.T) {
	t.Parallel()
	term := &tty{}
	s := &screen{out: term, live: true}
	s.print("listening\n")
	s.draw([]string{"a 1", "b 1"})
	s.draw([]string{"a 2", "b 2", "c 2"})
	if _, err := s.beside(term).Write([]byte("an error\n")); err != nil {
		t.Fatal(err)
	}
	s.draw([]string{"a 3"})
	s.print("more\n")
	want := []string{"listening", "an error", "more", "a 3"}
	if diff := cmp.Diff(want, term.lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
