package fleet_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/sqlite"
)

// crowdEnv names the data directory of a process that a test starts, whose manager
// takes in one program after the other until it is killed.
const crowdEnv = "SWITCHGEAR_FLEET_TEST_DIR"

const crowds = 5

// joinOnAndOn has four at a time join, open and close their circuits, and says of
// each which transition is acknowledged.
func joinOnAndOn(dir string) error {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, dir, sqlite.Options{Timeout: time.Minute})
	if err != nil {
		return err
	}
	m, err := fleet.New(ctx, fleet.Deps{Store: store}, fleet.Config{})
	if err != nil {
		return err
	}
	failed := make(chan error, 5)
	go func() { failed <- m.Run(ctx) }()
	for worker := range 4 {
		go func() {
			for i := 0; ; i++ {
				if err := liveOnce(ctx, m, fmt.Sprintf("instance-%06d-%d-%06d", os.Getpid(), worker, i), fmt.Sprintf("web-%d", i%crowds)); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// liveOnce is a program from its joining on; it does not say goodbye.
func liveOnce(ctx context.Context, m *fleet.Manager, instance, service string) error {
	b, err := switchgear.New(service, switchgear.Config{FailureThreshold: 1})
	if err != nil {
		return err
	}
	moves := make(chan switchgear.Transition, 10)
	defer b.Observe(func(t switchgear.Transition) { moves <- t })()
	state := func() fleet.InstanceState {
		return fleet.InstanceState{Service: service, Snapshot: b.Snapshot(), Running: true}
	}
	s, err := m.Attach(ctx, fleet.AgentInfo{Instance: instance, Boot: "the secret of " + instance, Name: instance, StartedAt: time.Now()}, nil, deaf{})
	if err != nil {
		return err
	}
	got, err := s.Join(ctx, []fleet.AgentService{{Name: service, About: about, State: state()}})
	if err == nil {
		err = got[0].Err
	}
	if err != nil {
		return err
	}
	fmt.Println(service, instance, 0)
	for n := 1; n <= 3; n++ {
		if n == 2 {
			err = b.Reset(switchgear.Closed, switchgear.Order{Actor: "a test", Reason: "on and on"})
		} else {
			b.HandleError(errDown, 0)
		}
		if err == nil {
			err = s.Transitions(ctx, service, []switchgear.Transition{<-moves}, state())
		}
		if err != nil {
			return err
		}
		fmt.Println(service, instance, n)
	}
	return nil
}

// acked is what was acknowledged: by service and instance the last transition.
type acked map[[2]string]uint64

// until reads what a child says until it has said so much and was killed.
func (k acked) until(t *testing.T, dir string, lines int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crowdEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := 0
	for scanner := bufio.NewScanner(out); scanner.Scan(); said++ { // what it has said before it is killed is said
		var service, instance string
		var n uint64
		if _, err := fmt.Sscan(scanner.Text(), &service, &instance, &n); err != nil {
			t.Fatal(err)
		}
		k[[2]string{service, instance}] = n
		if said == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = cmd.Wait()
	if said < lines {
		t.Fatal("the child ended by itself")
	}
}

func TestAgents_AKillOfTheManagerLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acknowledged := make(acked)
	for kills := range 3 {
		acknowledged.until(t, dir, 100+37*kills)
		acknowledged.check(t, dir)
	}
}

// check looks for what was acknowledged in the file, as the next manager does.
func (k acked) check(t *testing.T, dir string) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), dir, sqlite.Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	m, err := fleet.New(t.Context(), fleet.Deps{Store: store}, fleet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	there, told := make(acked), make(acked)
	for i := range crowds {
		service := fmt.Sprintf("web-%d", i)
		all, err := m.Instances(service)
		if err != nil {
			t.Fatal(err)
		}
		failed := uint64(0)
		for _, v := range all {
			there[[2]string{service, v.Instance}] = v.State.Snapshot.Transitions
			failed += v.State.Snapshot.Operations.Failed
		}
		if v, err := m.Service(service); err != nil || v.Instances.Total != len(all) || v.Breaker.Operations.Failed != failed {
			t.Errorf("%s has %+v and %+v, %v, and %d instances with %d failures", service, v.Instances, v.Breaker.Operations, err, len(all), failed)
		}
		told.read(t, m, service)
	}
	for who, n := range k {
		if has, ok := there[who]; !ok || has < n {
			t.Errorf("%s: transition %d was acknowledged, and %d is known (%v)", who, n, has, ok)
		}
		if told[who] < n {
			t.Errorf("%s: transition %d was acknowledged, and the history has %d", who, n, told[who])
		}
	}
	for who, n := range told {
		if there[who] != n {
			t.Errorf("%s: the history has %d transitions, and %d are known", who, n, there[who])
		}
	}
}

// read counts the transitions of each instance in the history, and looks that they
// are there once and in order.
func (k acked) read(t *testing.T, m *fleet.Manager, service string) {
	t.Helper()
	q := fleet.EventQuery{Service: service, Kinds: []fleet.EventKind{fleet.EventTransition, fleet.EventInstanceTransition}, Limit: 1000}
	events, err := m.Events(t.Context(), q)
	if err != nil || len(events) == q.Limit {
		t.Fatalf("%d events, %v", len(events), err)
	}
	for _, event := range slices.Backward(events) {
		var e struct {
			Instance   string
			Transition uint64
		}
		if err := json.Unmarshal(event.Evidence, &e); err != nil {
			t.Fatal(err)
		}
		if e.Instance == "" {
			continue // of the whole
		}
		who := [2]string{service, e.Instance}
		if k[who]++; e.Transition != k[who] {
			t.Errorf("%s: transition %d comes as number %d", who, e.Transition, k[who])
		}
	}
}
