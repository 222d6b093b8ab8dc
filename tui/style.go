package tui

import "charm.land/lipgloss/v2"

// paint is how a text stands out.
type paint uint8

const (
	asIs paint = iota
	strong
	quiet
	chosen
	bad
	good
	warned
	forced
	onOpen
	onUnhealthy
	onDegraded
	onUnknown
	onHealthy
	paints
)

// The colours are of the 16 that every terminal has, and that its owner can
// choose: no other is sure to be seen on a light and on a dark ground.
const (
	red, green, yellow, violet, brightRed = "1", "2", "3", "5", "9"
)

// palette are the styles of a terminal.
type palette [paints]lipgloss.Style

func newPalette(colour bool) *palette {
	plain := lipgloss.NewStyle()
	p := &palette{
		strong: plain.Bold(true), quiet: plain.Faint(true), chosen: plain.Reverse(true),
		bad: plain.Bold(true), warned: plain.Bold(true), onOpen: plain.Bold(true), onUnhealthy: plain.Bold(true), onUnknown: plain.Faint(true),
	}
	if colour {
		tint := func(s lipgloss.Style, c string) lipgloss.Style { return s.Foreground(lipgloss.Color(c)) }
		p[bad], p[good], p[warned], p[forced] = tint(plain, red), tint(plain, green), tint(plain, yellow), tint(plain, violet)
		p[onOpen], p[onUnhealthy] = tint(p[onOpen], red), tint(plain, brightRed)
		p[onDegraded], p[onHealthy] = tint(plain, yellow), tint(plain, green)
	}
	return p
}

func (p *palette) paint(how paint, text string) string {
	if how == asIs || text == "" {
		return text
	}
	return p[how].Render(text)
}

func statusPaint(status string) paint {
	switch status {
	case circuitOpen:
		return onOpen
	case unhealthy:
		return onUnhealthy
	case degraded:
		return onDegraded
	case healthy:
		return onHealthy
	}
	return onUnknown
}
