package series

import (
	"context"
	"testing"
	"time"

	"github.com/degenduel/switchgear/store/memory"
)

func TestSummer_NeverCountsBelowZero(t *testing.T) {
	t.Parallel()
	a := &Answer{Step: time.Second, From: time.Unix(100, 0), To: time.Unix(110, 0)}
	s := newSummer(a)
	for i, p := range []sample{
		{successful: 1000, failed: 10},
		{successful: 1007, failed: 12},
		{successful: 998, failed: 13}, // a killed manager had not stored the last totals
		{successful: 1000, failed: 13},
		{successful: 4, failed: 1, fresh: true}, // registered anew
		{successful: 6, failed: 1},
	} {
		if p.tick = int64(99 + i); i == 0 {
			s.begin(&p)
		} else {
			s.add(&p, p.tick)
		}
	}
	want := [][2]uint64{{7, 2}, {0, 1}, {2, 0}, {4, 1}, {2, 0}}
	points := s.points()
	if len(points) != len(want) {
		t.Fatalf("points:%s", show(points))
	}
	for i, p := range points {
		if p.Successful != want[i][0] || p.Failed != want[i][1] {
			t.Errorf("point %d: +%d +%d, want %v", i, p.Successful, p.Failed, want[i])
		}
	}
}

func TestRecorder_WhatHappensSeldomIsKeptAsLong(t *testing.T) {
	t.Parallel()
	r := newBenchRecorder(t, memory.New())
	now := time.Now()
	total := uint64(0)
	begin := now.Unix() - 4*3600 - 120 // the last but one is then older than what of its chunk may go
	for second := begin; second < now.Unix(); second++ {
		if (second-begin)%420 == 0 { // after it was written, and long before what is old goes
			total++
			r.tell(total)
		}
		r.record(second)
		r.gather(second, false)
		if err := r.write(context.Background()); err != nil {
			t.Fatal(err)
		}
		if second%10 == 0 {
			r.trim(context.Background(), time.Unix(second, 0))
		}
	}
	for _, q := range []struct{ past, step time.Duration }{{14 * time.Minute, time.Second}, {3 * time.Hour, 10 * time.Second}, {3 * time.Hour, time.Minute}} {
		if got, want := wholeSum(t, r, now.Add(-q.past), q.step), uint64(q.past/(420*time.Second)); got != want && got != want+1 {
			t.Errorf("%v at %v: %d happened, want %d", q.past, q.step, got, want)
		}
		a, err := r.Of(context.Background(), "web", now.Add(-q.past), time.Time{}, q.step)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range a.Series[0].Points {
			if p.Successful > 1 {
				t.Errorf("%v at %v: %d happened in one point", q.past, q.step, p.Successful)
			}
		}
	}
}
