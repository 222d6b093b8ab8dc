package rest

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

func (s *answers) add(key string, size int) {
	r := fleet.Request{Key: key}
	s.begin(r)
	s.end(r, &answer{status: 200, body: make([]byte, size)})
}

func (s *answers) has(key string) bool {
	_, fresh := s.begin(fleet.Request{Key: key})
	if fresh {
		s.end(fleet.Request{Key: key}, nil)
	}
	return !fresh
}

func TestAnswers_AreBounded(t *testing.T) {
	t.Parallel()
	var many answers
	for i := range maxAnswers + 10 {
		many.add(strconv.Itoa(i), 10)
	}
	if len(many.of) != maxAnswers || many.done.Len() != maxAnswers || many.has("9") || !many.has("10") {
		t.Errorf("%d answers are kept, of %d", len(many.of), maxAnswers)
	}
	var large answers
	for i := range 1000 {
		large.add(strconv.Itoa(i), maxAnswer)
	}
	if large.bytes > maxAnswerBytes || large.bytes < maxAnswerBytes/2 || !large.has("999") || large.has("0") {
		t.Errorf("%d bytes are kept in %d answers", large.bytes, len(large.of))
	}
	large.add("too large", maxAnswer+1)
	if large.has("too large") {
		t.Error("one is kept that is larger than any may be")
	}
}

func TestAnswers_GoAfterADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s answers
		s.add("a", 1)
		time.Sleep(answersKept - time.Second)
		s.add("b", 1)
		if !s.has("a") {
			t.Error("it is gone before a day")
		}
		time.Sleep(time.Second)
		if s.has("a") || !s.has("b") || s.bytes != 1+answerOverhead {
			t.Errorf("after a day: a %v, b %v, %d bytes", s.has("a"), s.has("b"), s.bytes)
		}
	})
}
