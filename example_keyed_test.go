package switchgear_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/degenduel/switchgear"
)

// One breaker a host: a host that fails is turned away, the others are not.
// Where too many fail, the whole service is.
func ExampleKeyed() {
	upstreams, err := switchgear.NewKeyed("upstreams", switchgear.KeyedConfig{
		Config:    switchgear.Config{FailureThreshold: 2},
		MaxKeys:   1000,
		OpenShare: 0.5,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	down := map[string]bool{"a.example.com": true}
	get := func(host string) (string, error) {
		return switchgear.Do(context.Background(), upstreams.Breaker(host), func(context.Context) (string, error) {
			if down[host] {
				return "", errors.New("connection refused")
			}
			return "hello from " + host, nil
		})
	}
	tell := func(host string) {
		answer, err := get(host)
		if open, ok := errors.AsType[*switchgear.OpenError](err); ok {
			fmt.Printf("%s: rejected by %s[%s], %s\n", host, open.Service, open.Key, open.Cause.Rule)
			return
		}
		fmt.Printf("%s: %s, %v\n", host, answer, err)
	}

	for _, host := range []string{"a.example.com", "b.example.com", "c.example.com"} {
		for range 2 {
			_, _ = get(host)
		}
		tell(host)
	}
	down["b.example.com"] = true
	for range 2 {
		_, _ = get("b.example.com")
	}
	tell("c.example.com")

	s := upstreams.Snapshot()
	fmt.Printf("%d of %d hosts are open, the parent is %v\n", s.Open, s.Keys, s.Parent.State)
	// Output:
	// a.example.com: rejected by upstreams[a.example.com], failure_threshold
	// b.example.com: hello from b.example.com, <nil>
	// c.example.com: hello from c.example.com, <nil>
	// c.example.com: rejected by upstreams[], children_open
	// 2 of 3 hosts are open, the parent is open
}

// There are never more than MaxKeys. The least recently used goes, but no open
// one; what it counted stays in the sums.
func ExampleKeyed_Snapshot() {
	tenants, err := switchgear.NewKeyed("tenants", switchgear.KeyedConfig{
		Config:  switchgear.Config{FailureThreshold: 1},
		MaxKeys: 10,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	tenants.Breaker("noisy").HandleError(errors.New("quota exceeded"), 0)
	for i := range 1000 {
		tenants.Breaker(fmt.Sprint("tenant-", i)).RecordSuccess(0)
	}
	_, kept := tenants.Lookup("noisy")
	s := tenants.Snapshot()
	fmt.Println("the open one is kept:", kept)
	fmt.Printf("%d keys, %d went, %d successes\n", s.Keys, s.Evicted, s.Operations.Successful)
	// Output:
	// the open one is kept: true
	// 10 keys, 991 went, 1000 successes
}
