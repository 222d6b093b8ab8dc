package webhook_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/alert/webhook"
)

// TestSignature_IsVerifiedByTheExampleInPython runs what the documentation shows.
func TestSignature_IsVerifiedByTheExampleInPython(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	switch {
	case err == nil:
	case os.Getenv("SWITCHGEAR_TEST_REQUIRE") == "1":
		t.Fatal("python3 is not there: apt-get install python3")
	default:
		t.Skip("python3 is not there: apt-get install python3")
	}
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "    import hashlib")
	example, _, ended := strings.Cut("    import hashlib"+rest, "\n\n`Switchgear-Delivery`")
	if !found || !ended {
		t.Fatal("the example is not where it was")
	}
	example = strings.ReplaceAll("\n"+example, "\n    ", "\n") + `
import sys
for header, body in zip(sys.argv[2::2], sys.argv[3::2]):
    print("yes" if verify(sys.argv[1].encode(), header, body.encode()) else "no")
`
	const body = `{"alerts":[]}`
	good := webhook.Sign(secret, []byte(body), time.Now())
	sum := strings.SplitAfter(good, ",")[1]
	args := []string{"-c", example, secret}
	var want []string
	for _, tc := range []struct{ name, header, body, want string }{
		{"as it was made", good, body, "yes"},
		{"with another signature beside it", good + ", v2=x,v1=é", body, "yes"},
		{"another body", good, body + " ", "no"},
		{"another secret", webhook.Sign(secret+"x", []byte(body), time.Now()), body, "no"},
		{"too old", webhook.Sign(secret, []byte(body), time.Now().Add(-6*time.Minute)), body, "no"},
		{"no time", sum, body, "no"},
		{"none", "", body, "no"},
		{"no number", "t=²," + sum, body, "no"},
	} {
		args, want = append(args, tc.header, tc.body), append(want, tc.name+": "+tc.want)
	}
	out, err := exec.CommandContext(t.Context(), python, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := strings.Fields(string(out))
	for i := range want {
		if i >= len(got) || !strings.HasSuffix(want[i], ": "+got[i]) {
			t.Errorf("want %s, got %v", want[i], got)
		}
	}
}
