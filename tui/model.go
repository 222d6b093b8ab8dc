package tui

import (
	"context"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// A screen is what is shown between the header and the footer.
type screen uint8

const (
	onBoard screen = iota
	onPage
	onHelp
	onMessages
	onFilter
)

// silentFor is how long the manager may say nothing, though the connection
// stands, before what is shown is no longer called live: two heartbeats, and a
// little.
const silentFor = 12 * time.Second

// ask makes a command that speaks to the manager. The program waits for it at
// its end, when ctx is over.
type ask func(call func(ctx context.Context, c *client.Client) tea.Msg) tea.Cmd

// model is the program's state. Update and View are its only doors.
type model struct {
	url     string
	palette *palette
	ask     ask

	width, height int
	now           time.Time
	skew          time.Duration // the manager's clock less ours

	fleet   *fleet
	known   bool      // a snapshot has come
	heard   time.Time // when the manager last said something
	lost    error     // why the connection is lost; nil: it stands
	ended   error     // why it will not come back
	role    string    // of the token; empty: not known
	seeding bool
	seedNot time.Time // until then no seeds are asked for

	board   board
	screen  screen
	behind  screen // what help and messages were opened over
	page    page
	dialog  *dialog
	typing  bool // into the search
	search  input
	mark    int    // on the filter screen
	scroll  int    // of help and messages
	beyond  string // how much there is below the lines that are seen
	notices notices
}

// The messages of the program to itself.
type (
	tickMsg  struct{ at time.Time }
	endedMsg struct{ err error }
	roleMsg  struct{ role string }
)

func newModel(o *Options, now time.Time, request ask) *model {
	m := &model{
		url: visible(o.URL), palette: newPalette(o.Colour), ask: request, width: 80, height: 24, now: now, fleet: newFleet(),
	}
	m.board.filter = filter{statuses: o.Statuses, layer: o.Layer}
	m.heard = m.now
	m.fleet.summarise()
	return m
}

func tick() tea.Cmd { return tea.Tick(time.Second, func(at time.Time) tea.Msg { return tickMsg{at} }) }

// Init asks who we are, and starts the clock.
func (m *model) Init() tea.Cmd { return tea.Batch(tick(), m.askRole()) }

func (m *model) askRole() tea.Cmd {
	return m.ask(func(ctx context.Context, c *client.Client) tea.Msg {
		s, err := c.Session(ctx)
		if err != nil {
			return nil // it is then seen when an order is refused
		}
		return roleMsg{s.Role}
	})
}

// Update takes in one message.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tickMsg:
		m.now, cmd = msg.at, tick()
		m.review(false)
	case *news:
		cmd = m.takeNews(msg)
	case endedMsg:
		m.ended = msg.err
		if !m.known {
			return m, tea.Quit
		}
	case roleMsg:
		m.role = msg.role
	case seedsMsg:
		m.takeSeeds(&msg)
	case eventsMsg:
		m.page.takeEvents(&msg)
	case resultMsg:
		m.takeResult(&msg)
	case tea.PasteMsg:
		m.paste(msg.Content)
	case tea.KeyPressMsg:
		cmd = m.key(msg)
	}
	return m, tea.Batch(cmd, m.askSeeds())
}

// takeNews puts what the stream told into the fleet.
func (m *model) takeNews(n *news) tea.Cmd {
	m.now = n.at
	if !n.lostAt.IsZero() {
		m.fleet.deaf(m.heard)
	}
	came := n.whole && m.known
	m.fleet.take(n)
	m.known = m.known || n.whole
	m.lost = nil
	switch {
	case n.live:
		m.heard = n.at
	default:
		m.lost = n.err
		if m.lost == nil {
			m.lost = errors.New("the connection was closed")
		}
	}
	m.review(false)
	if m.screen != onPage && m.behind != onPage {
		return nil
	}
	m.page.hear(n.events)
	if came || n.lossy {
		return m.askEvents(m.page.service)
	}
	return nil
}

// isLive reports whether what is shown is how it is; else how old it is.
func (m *model) isLive() (live bool, age time.Duration) {
	age = max(m.now.Sub(m.heard), 0)
	return m.ended == nil && m.lost == nil && m.known && age < silentFor, age
}

// clock is now, as the manager's clock has it.
func (m *model) clock() time.Time { return m.now.Add(m.skew) }

// seen is the moment that the numbers are of: the last one at which the manager
// was heard, where it is not heard any more.
func (m *model) seen() time.Time {
	if live, _ := m.isLive(); live {
		return m.now
	}
	return m.heard
}

// may reports whether the token's role can give orders, as far as is known.
func (m *model) may() bool { return m.role == "" || m.role == "operator" || m.role == "admin" }

// selected is the service that the orders are for; nil: none.
func (m *model) selected() *wire.Entry {
	if m.screen == onPage {
		return m.fleet.entries[m.page.service]
	}
	return m.fleet.entries[m.board.selected]
}

func (m *model) paste(text string) {
	switch {
	case m.dialog != nil:
		m.dialog.paste(text)
	case m.typing:
		m.search.insert(text)
		m.seek()
	}
}
