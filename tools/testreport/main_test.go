package main

import (
	"slices"
	"strings"
	"testing"
)

func TestReport_PrintsFailuresAndClosingLinesAndNamesSkips(t *testing.T) {
	t.Parallel()
	const in = `{"Action":"start","Package":"a"}
{"Action":"output","Package":"a","Output":"-test.shuffle 1\n"}
{"Action":"output","Package":"a","Test":"TestGood","Output":"=== RUN   TestGood\n"}
{"Action":"output","Package":"a","Test":"TestGood","Output":"chatter\n"}
{"Action":"pass","Package":"a","Test":"TestGood"}
{"Action":"output","Package":"a","Test":"TestSkipped","Output":"no server\n"}
{"Action":"skip","Package":"a","Test":"TestSkipped"}
{"Action":"output","Package":"a","Output":"PASS\n"}
{"Action":"output","Package":"a","Output":"ok  \ta\t0.1s\n"}
{"Action":"pass","Package":"a"}
not JSON
{"ImportPath":"b","Action":"build-output","Output":"b.go:1: bad\n"}
{"Action":"output","Package":"c","Test":"TestBad","Output":"c_test.go:1: got 1\n"}
{"Action":"output","Package":"c","Test":"TestBad","Output":"--- FAIL: TestBad\n"}
{"Action":"fail","Package":"c","Test":"TestBad"}
{"Action":"output","Package":"c","Test":"TestHung","Output":"panic: timed out\n"}
{"Action":"output","Package":"c","Output":"FAIL\tc\t0.1s\n"}
{"Action":"fail","Package":"c"}
{"Action":"output","Package":"d","Output":"?   \td\t[no test files]\n"}
{"Action":"skip","Package":"d"}
`
	const want = "ok  \ta\t0.1s\nnot JSON\nb.go:1: bad\nc_test.go:1: got 1\n--- FAIL: TestBad\n" +
		"panic: timed out\nFAIL\tc\t0.1s\n?   \td\t[no test files]\n"
	var out strings.Builder
	skipped, err := report(strings.NewReader(in), &out)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if !slices.Equal(skipped, []string{"a TestSkipped"}) {
		t.Errorf("skipped %q, want one", skipped)
	}
}
