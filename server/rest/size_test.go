package rest

import (
	"strconv"
	"testing"

	"github.com/degenduel/switchgear/config"
)

func BenchmarkServices_OfTenThousand(b *testing.B) {
	bench := newBench(b)
	services := make(map[string]config.Service)
	for i := range 10_000 {
		services["s"+strconv.Itoa(i)] = config.Service{}
	}
	if err := bench.manager.ApplyFile(b.Context(), services); err != nil {
		b.Fatal(err)
	}
	for path, name := range map[string]string{"/api/v2/services": "page", "/api/v2/state": "board", "/api/v2/services/s77": "one"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if got := bench.as("viewer", "GET", path, ""); got.status != 200 {
					b.Fatal(got.status)
				}
			}
		})
	}
}
