package fleet

import "iter"

// ServicesAfter are the states of the services whose names come after the given
// one, by name. Each is looked at when its turn comes, so that a page of a large
// fleet costs no more than a page.
func (m *Manager) ServicesAfter(name string) iter.Seq[View] {
	return func(yield func(View) bool) {
		for _, s := range m.all() {
			if s.name > name && !yield(m.view(s)) {
				return
			}
		}
	}
}
