package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"
)

// key does what a key stands for where it is pressed.
func (m *model) key(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	}
	switch {
	case m.dialog != nil:
		return m.dialogKey(k)
	case m.typing:
		m.searchKey(k)
		return nil
	case m.screen == onFilter:
		m.filterKey(k.String())
		return nil
	}
	if cmd, done := m.commonKey(k.String()); done {
		return cmd
	}
	switch m.screen {
	case onBoard:
		return m.boardKey(k.String())
	case onPage:
		m.scrollKey(k.String(), &m.page.scroll)
	case onHelp, onMessages, onFilter:
		m.scrollKey(k.String(), &m.scroll)
	}
	return nil
}

// commonKey are the keys that mean the same on every screen.
func (m *model) commonKey(k string) (cmd tea.Cmd, done bool) {
	switch k {
	case "esc", "q", "backspace":
		return m.back(k), true
	case "?":
		m.over(onHelp)
	case "m":
		m.over(onMessages)
	case "c":
		return m.check(), true
	case "r":
		m.openDialog(resetting)
	case "o":
		m.openDialog(overriding)
	case "O":
		m.openDialog(ending)
	default:
		return nil, false
	}
	return nil, true
}

// back puts away what is in front: a message, help, a page, a search.
func (m *model) back(k string) tea.Cmd {
	switch {
	case m.screen == onHelp || m.screen == onMessages:
		m.screen, m.behind = m.behind, onBoard
	case m.notices.shown && k == "esc":
		m.notices.shown = false
	case m.screen == onPage:
		m.screen = onBoard
		m.review(false)
	case k == "q":
		return tea.Quit
	case k == "esc" && !m.board.filter.isNone():
		m.search.set("")
		m.board.filter = filter{}
		m.review(true)
	}
	return nil
}

// over opens help or the messages over what is shown.
func (m *model) over(s screen) {
	if m.screen == s {
		m.back("")
		return
	}
	if m.screen == onBoard || m.screen == onPage {
		m.behind = m.screen
	}
	m.screen, m.scroll = s, 0
}

func (m *model) boardKey(k string) tea.Cmd {
	switch k {
	case "enter", "right", "l":
		if m.board.selected != "" {
			return m.openPage(m.board.selected)
		}
	case "/":
		m.typing = true
	case "s":
		m.board.sort = (m.board.sort + 1) % sortings
		m.toTop()
	case "S":
		m.board.sort = (m.board.sort + sortings - 1) % sortings
		m.toTop()
	case "f":
		m.screen, m.mark = onFilter, 0
	case "space", " ":
		m.board.heldUntil = m.now
		m.review(true)
	default:
		m.moveKey(k)
	}
	return nil
}

func (m *model) moveKey(k string) {
	switch k {
	case "up", "k":
		m.step(-1)
	case "down", "j":
		m.step(1)
	case "pgup", "ctrl+b":
		m.step(-m.rows())
	case "pgdown", "ctrl+f":
		m.step(m.rows())
	case "home", "g":
		m.toTop()
	case "end", "G":
		m.step(len(m.board.places))
	}
}

func (m *model) scrollKey(k string, scroll *int) {
	switch k {
	case "up", "k":
		*scroll--
	case "down", "j":
		*scroll++
	case "pgup", "ctrl+b":
		*scroll -= m.bodyHeight() - 1
	case "pgdown", "ctrl+f", "space", " ":
		*scroll += m.bodyHeight() - 1
	case "home", "g":
		*scroll = 0
	case "end", "G":
		*scroll += 1 << 20 // as far as there is
	}
}

func (m *model) searchKey(k tea.KeyPressMsg) {
	switch k.String() {
	case "enter":
		m.typing = false
	case "esc":
		m.typing = false
		m.search.set("")
		m.seek()
	case "up", "down", "pgup", "pgdown":
		m.moveKey(k.String())
	default:
		if m.search.key(k) {
			m.seek()
		}
	}
}

func (m *model) filterKey(k string) {
	switch k {
	case "esc", "enter", "f", "q":
		m.screen = onBoard
	case "up", "k":
		m.mark = max(m.mark-1, 0)
	case "down", "j":
		m.mark = min(m.mark+1, len(worstFirst)-1)
	case "space", " ", "x":
		m.toggle(m.mark)
	case "a":
		m.board.filter.statuses = nil
	case "1", "2", "3", "4", "5":
		m.mark = int(k[0] - '1')
		m.toggle(m.mark)
	}
	m.review(true)
}

// toggle shows services of a status, or no longer.
func (m *model) toggle(i int) {
	f := &m.board.filter
	if at := slices.Index(f.statuses, worstFirst[i]); at >= 0 {
		f.statuses = slices.Delete(slices.Clone(f.statuses), at, at+1)
		return
	}
	f.statuses = append(slices.Clone(f.statuses), worstFirst[i])
	if len(f.statuses) == len(worstFirst) {
		f.statuses = nil
	}
}
