package wire

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"

	"github.com/degenduel/switchgear/internal/strict"
)

// AgentMessage is any message of an agent.
type AgentMessage struct {
	Type string
	ID   uint64 // of a join, a leave, a report or transitions; else 0

	// Body is a pointer to the message's own type, such as *AgentReport.
	Body any
}

// agentBody is a new body of the type, and where its ID is; nil for a type that
// is none of an agent's messages.
func agentBody(kind string) (body any, id *uint64) {
	switch kind {
	case TypeAgentHello:
		return &AgentHello{}, nil
	case TypeAgentJoin:
		m := &AgentJoin{}
		return m, &m.ID
	case TypeAgentLeave:
		m := &AgentLeave{}
		return m, &m.ID
	case TypeAgentReport:
		m := &AgentReport{}
		return m, &m.ID
	case TypeAgentTransitions:
		m := &AgentTransitions{}
		return m, &m.ID
	case TypeAgentHeartbeat:
		return &AgentHeartbeat{}, nil
	case TypeAgentResult:
		return &AgentResult{}, nil
	case TypeAgentBye:
		return &AgentBye{}, nil
	}
	return nil, nil
}

// DecodeAgentMessage reads one message of an agent, strictly, but for fields that
// it does not know: those it ignores. A message of an unknown type, or with more
// in it than a page, is an error. Beside an error the message has its Type and
// ID, if they could be read at all, and no Body. What values mean is not looked
// at, but for IDs and numbers of transitions.
func DecodeAgentMessage(data []byte) (AgentMessage, error) {
	opts := strict.Options{IgnoreUnknown: true, AnyNumber: true}
	kind, known := leadingType(data)
	if !known {
		var head struct {
			Type string `json:"type"`
		}
		if err := strict.Decode(data, &head, opts); err != nil {
			return AgentMessage{}, err
		}
		kind = head.Type
	}
	m := AgentMessage{Type: kind}
	body, id := agentBody(kind)
	switch {
	case kind == "":
		return m, errors.New("type: is required")
	case body == nil:
		const longest = 64
		return m, fmt.Errorf("type: %.*q is not a message that is understood here", longest, kind)
	}
	err := strict.Decode(data, body, opts)
	if _, ok := errors.AsType[*strict.SyntaxError](err); ok {
		return AgentMessage{}, err
	}
	if id != nil {
		m.ID = *id
		if err == nil && m.ID == 0 {
			err = errors.New("id: must be 1 or more")
		}
	}
	if err == nil {
		err = checkAgentBody(body)
	}
	if err == nil {
		m.Body = body
	}
	return m, err
}

// leadingType is the type of a message that begins with it, as those of all who
// write messages quickly do. No second type can follow: it would be given twice.
func leadingType(data []byte) (kind string, ok bool) {
	const longest = 32
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte(`{"type":"`))
	if !ok {
		return "", false
	}
	name, _, ok := bytes.Cut(rest[:min(len(rest), longest)], []byte(`"`))
	if body, _ := agentBody(string(name)); !ok || body == nil {
		return "", false
	}
	return string(name), true
}

// checkAgentBody finds what the types of the fields do not say.
func checkAgentBody(body any) error {
	switch m := body.(type) {
	case *AgentHello:
		return m.check()
	case *AgentJoin:
		return checkPage("services", len(m.Services), 0, AgentPage)
	case *AgentLeave:
		return checkPage("services", len(m.Services), 0, AgentPage)
	case *AgentReport:
		return checkPage("services", len(m.Services), 0, AgentPage)
	case *AgentTransitions:
		return m.check()
	case *AgentResult:
		if m.Order == 0 {
			return errors.New("order: is required")
		}
	}
	return nil
}

func checkPage(field string, n, low, high int) error {
	if n < low || n > high {
		return fmt.Errorf("%s: %d are not %d to %d", field, n, low, high)
	}
	return nil
}

// agentSecret is the form of an agent's Instance and Boot.
var agentSecret = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)

func (m *AgentHello) check() error {
	const longest = 128
	switch {
	case !agentSecret.MatchString(m.Instance):
		return errors.New("instance: must match [A-Za-z0-9_-]{16,64}")
	case !agentSecret.MatchString(m.Boot):
		return errors.New("boot: must match [A-Za-z0-9_-]{16,64}")
	}
	for _, f := range []struct{ field, text string }{{"name", m.Name}, {"program", m.Program}, {"library", m.Library}} {
		if len(f.text) > longest {
			return fmt.Errorf("%s: %d bytes are more than %d", f.field, len(f.text), longest)
		}
		if wrong := CheckReason(f.text); wrong != "" {
			return fmt.Errorf("%s: %s", f.field, wrong)
		}
	}
	return nil
}

func (m *AgentTransitions) check() error {
	if m.Service == "" {
		return errors.New("service: is required")
	}
	if err := checkPage("transitions", len(m.Transitions), 1, AgentTransitionsPage); err != nil {
		return err
	}
	first := m.Transitions[0].Number
	for i := range m.Transitions {
		if n := m.Transitions[i].Number; n == 0 || n != first+uint64(i) {
			return fmt.Errorf("transitions[%d].number: %d does not follow: they rise by one, from 1", i, n)
		}
	}
	return nil
}
