package memory

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"github.com/degenduel/switchgear/fleet"
)

func (s *Store) keepInstances(b *fleet.Batch) {
	if s.instances == nil {
		s.instances = make(map[fleet.InstanceKey]fleet.InstanceRow)
	}
	if len(b.Removed) > 0 {
		maps.DeleteFunc(s.instances, func(k fleet.InstanceKey, _ fleet.InstanceRow) bool { return slices.Contains(b.Removed, k.Service) })
	}
	for _, k := range b.GoneInstances {
		delete(s.instances, k)
	}
	for i := range b.Instances {
		r := b.Instances[i]
		r.Value, r.UpdatedAt = bytes.Clone(r.Value), moment(r.UpdatedAt)
		s.instances[r.Key()] = r
	}
}

func (s *Store) loadInstances() []fleet.InstanceRow {
	var out []fleet.InstanceRow
	for _, r := range s.instances {
		r.Value = bytes.Clone(r.Value)
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b fleet.InstanceRow) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Instance, b.Instance))
	})
	return out
}
