package view

import (
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// Instances are the processes' copies of a service on the wire.
func Instances(service string, list []fleet.InstanceView) wire.InstanceList {
	out := wire.InstanceList{Service: service, Instances: make([]wire.Instance, len(list))}
	for i := range list {
		out.Instances[i] = instance(&list[i])
	}
	return out
}

func instance(v *fleet.InstanceView) wire.Instance {
	state := fleet.View{Service: v.State.Service, Breaker: v.State.Snapshot, Running: v.State.Running, Health: v.State.Health}
	s := &state.Breaker
	return wire.Instance{
		Instance: v.Instance, Name: v.Name, Program: v.Program, Library: v.Library, Address: v.Address, Node: v.Node,
		Connected: v.Connected, Stale: v.Stale, StartedAt: wire.Time{Time: v.StartedAt},
		JoinedAt: wire.Time{Time: v.JoinedAt}, SeenAt: wire.Time{Time: v.SeenAt},
		ConfigVersion: v.State.ConfigVersion, ConfigError: text(v.State.ConfigError), IsOpen: v.IsOpen(), BadCaller: v.BadCaller,
		CircuitBreaker: CircuitBreaker(&state), Operations: operations(s), Performance: performance(s), Health: Health(v.State.Health),
	}
}
