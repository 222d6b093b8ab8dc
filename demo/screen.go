package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/degenduel/switchgear/internal/terminal"
)

// color is what ANSI calls a graphic rendition.
type color string

const (
	bold   color = "1"
	dim    color = "2"
	red    color = "31"
	green  color = "32"
	yellow color = "33"
)

// The size that is taken for granted where the terminal does not say.
const (
	usualWidth  = 80
	usualHeight = 24
)

// screen writes to a terminal, where live, a picture that is redrawn in place
// below what is printed; elsewhere only what is printed. All methods are safe
// for concurrent use.
type screen struct {
	out         io.Writer
	live, color bool

	mu   sync.Mutex
	last []string // the picture that stands there
	err  error    // of the first write that failed
}

func newScreen(out io.Writer, live bool) *screen {
	if os.Getenv("TERM") == "dumb" {
		live = false
	}
	return &screen{out: out, live: live, color: live && os.Getenv("NO_COLOR") == ""}
}

// paint is text in a color, where there are colors.
func (s *screen) paint(c color, text string) string {
	if !s.color || c == "" || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// size is how many letters a line has, and how many lines there are.
func (s *screen) size() (width, height int) {
	if f, ok := s.out.(*os.File); ok {
		width, height = terminal.Size(f)
	}
	if width < 1 || height < 1 {
		width, height = usualWidth, usualHeight
	}
	return width - 1, height // a full last column wraps on some terminals
}

// draw puts a picture in the place of the last one.
func (s *screen) draw(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(s.out, s.erasing()+drawing(lines))
	s.last = lines
}

// print writes text above the picture.
func (s *screen) print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(s.out, s.erasing()+text+drawing(s.last))
}

// beside is a writer to the same terminal that does not spoil the picture.
func (s *screen) beside(w io.Writer) io.Writer {
	return writer(func(text []byte) (n int, err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.write(s.out, s.erasing())
		n, err = w.Write(text)
		s.write(s.out, drawing(s.last))
		return n, err
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// failed is the error of the first write that failed.
func (s *screen) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *screen) write(w io.Writer, text string) {
	if _, err := io.WriteString(w, text); err != nil && s.err == nil {
		s.err = err
	}
}

// erasing takes the picture away: up to its first line, and everything below.
func (s *screen) erasing() string {
	if len(s.last) == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA\r\x1b[J", len(s.last))
}

func drawing(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
