package storetest

import (
	"encoding/json"

	"pgregory.net/rapid"

	"github.com/degenduel/switchgear/fleet"
)

func instance(service, id, value string) fleet.InstanceRow {
	return fleet.InstanceRow{Service: service, Instance: id, Value: json.RawMessage(value), UpdatedAt: base}
}

var (
	someInstanceKey = rapid.Custom(func(r *rapid.T) fleet.InstanceKey {
		return fleet.InstanceKey{Service: someService.Draw(r, "service"), Instance: someID.Draw(r, "instance")}
	})
	someInstance = rapid.Custom(func(r *rapid.T) fleet.InstanceRow {
		k := someInstanceKey.Draw(r, "key")
		return fleet.InstanceRow{Service: k.Service, Instance: k.Instance, Value: someJSON.Draw(r, "value"), UpdatedAt: someTime.Draw(r, "at")}
	})
)

func (x trial) wantInstances(want ...fleet.InstanceRow) {
	x.Helper()
	wantSame(x, "instances", x.load().Instances, want)
}

var instanceLaws = []law{
	{"TheyComeByServiceAndInstance", func(x trial) {
		x.commit(fleet.Batch{Instances: []fleet.InstanceRow{instance("b", "1", `{}`), instance("a-b", "x", `{"n":1}`), instance("a", "z", `{}`), instance("a", "Z", `{}`)}})
		x.wantInstances(instance("a", "Z", `{}`), instance("a", "z", `{}`), instance("a-b", "x", `{"n":1}`), instance("b", "1", `{}`))
	}},
	{"OneIsWrittenOver", func(x trial) {
		x.commit(fleet.Batch{Instances: []fleet.InstanceRow{instance("a", "1", `{"n":1}`), instance("a", "2", `{"n":1}`)}})
		newer := instance("a", "1", `{"n":2}`)
		newer.UpdatedAt = after(3)
		x.commit(fleet.Batch{Instances: []fleet.InstanceRow{newer}})
		x.wantInstances(newer, instance("a", "2", `{"n":1}`))
	}},
	{"TheLastRowOfOneInABatchStands", func(x trial) {
		x.commit(fleet.Batch{Instances: []fleet.InstanceRow{instance("a", "1", `{"n":1}`), instance("a", "2", `{"n":2}`), instance("a", "1", `{"n":3}`)}})
		x.wantInstances(instance("a", "1", `{"n":3}`), instance("a", "2", `{"n":2}`))
	}},
	{"WhatIsGoneGoes", func(x trial) {
		x.commit(fleet.Batch{Instances: []fleet.InstanceRow{instance("a", "1", `{}`), instance("a", "2", `{}`), instance("b", "1", `{}`)}})
		x.commit(fleet.Batch{GoneInstances: []fleet.InstanceKey{{Service: "a", Instance: "1"}, {Service: "b", Instance: "2"}}})
		x.wantInstances(instance("a", "2", `{}`), instance("b", "1", `{}`))
	}},
	{"WhatIsGoneAndWrittenIsThere", func(x trial) {
		x.commit(fleet.Batch{Instances: []fleet.InstanceRow{instance("a", "1", `{"n":1}`)}})
		x.commit(fleet.Batch{
			GoneInstances: []fleet.InstanceKey{{Service: "a", Instance: "1"}},
			Instances:     []fleet.InstanceRow{instance("a", "1", `{"n":2}`)},
		})
		x.wantInstances(instance("a", "1", `{"n":2}`))
	}},
	{"TheyGoWithTheirService", func(x trial) {
		x.commit(fleet.Batch{
			Services:  []fleet.ServiceRow{row("a", `{}`), row("ab", `{}`)},
			Instances: []fleet.InstanceRow{instance("a", "1", `{}`), instance("a", "2", `{}`), instance("ab", "1", `{}`)},
		})
		x.commit(fleet.Batch{Removed: []string{"a"}})
		x.wantInstances(instance("ab", "1", `{}`))
	}},
	{"NothingOfARefusedBatchIsWritten", func(x trial) {
		x.commit(fleet.Batch{Instances: []fleet.InstanceRow{instance("a", "1", `{"n":1}`)}, Configs: []fleet.ConfigVersion{config("a", 1)}})
		x.refuse(fleet.Batch{
			Instances: []fleet.InstanceRow{instance("a", "1", `{"n":2}`), instance("a", "2", `{}`)}, Configs: []fleet.ConfigVersion{config("a", 1)},
		})
		x.refuse(fleet.Batch{GoneInstances: []fleet.InstanceKey{{Service: "a", Instance: "1"}}, Configs: []fleet.ConfigVersion{config("a", 1)}})
		x.wantInstances(instance("a", "1", `{"n":1}`))
	}},
	{"ManyFitInABatch", func(x trial) {
		var all []fleet.InstanceRow
		for i := range 1000 {
			all = append(all, instance("a", string(rune('a'+i/100))+string(rune('a'+i/10%10))+string(rune('a'+i%10)), `{}`))
		}
		x.commit(fleet.Batch{Instances: all})
		x.wantInstances(all...)
	}},
}
