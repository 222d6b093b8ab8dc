package fleet

import "slices"

// draft is a batch in the making.
type draft struct {
	Batch

	// reported are the requests of programs whose counts the rows hold.
	reported []*report

	// last is that nothing waits that has a seq, or a revision, below those of it.
	last bool
}

// nothing reports whether there is nothing to write.
func (d *draft) nothing() bool { return d.empty() && len(d.reported) == 0 }

// add puts what o writes behind what d writes.
func (d *draft) add(o *draft) {
	d.Batch.add(&o.Batch)
	d.reported = append(d.reported, o.reported...)
}

// addRow adds the state of a service, with the reports that it counts.
func (d *draft) addRow(row ServiceRow, reported []*report) {
	d.Services = append(d.Services, row)
	for _, r := range reported {
		if r.place == inMemory {
			r.place = inDraft
			d.reported = append(d.reported, r)
		}
	}
}

// release lets the reports of a draft that is not written go into another.
func (d *draft) release() {
	for _, r := range d.reported {
		if r.place == inDraft {
			r.place = inMemory
		}
	}
	d.reported = nil
}

// whole is all that the store is to have. Its events and audit entries are the
// draft's own, so that they get their IDs.
func (d *draft) whole() *Batch {
	b := d.Batch
	b.Requests = slices.Clone(b.Requests)
	for _, r := range d.reported {
		b.Requests = append(b.Requests, r.Request)
	}
	return &b
}
