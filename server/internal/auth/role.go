package auth

import "fmt"

// Role is what somebody may do: a viewer looks, an operator also gives orders,
// an admin may do all, and an agent only reports. The zero Role may do nothing.
type Role uint8

// The roles. Agent stands beside the ladder of the other three.
const (
	Agent Role = iota + 1
	Viewer
	Operator
	Admin
)

var roleNames = [...]string{Agent: "agent", Viewer: "viewer", Operator: "operator", Admin: "admin"}

// ParseRole is the role of that name: agent, viewer, operator or admin.
func ParseRole(name string) (Role, error) {
	for r := Agent; r <= Admin; r++ {
		if roleNames[r] == name {
			return r, nil
		}
	}
	return 0, fmt.Errorf("auth: %q is no role", name)
}

// String is the role's name on the wire.
func (r Role) String() string {
	if r >= Agent && r <= Admin {
		return roleNames[r]
	}
	return fmt.Sprintf("Role(%d)", uint8(r))
}

// May reports whether who has the role may do what needs the other.
func (r Role) May(need Role) bool {
	switch {
	case need < Agent || need > Admin || r > Admin:
		return false
	case need == Agent, r == Agent:
		return r == need || r == Admin
	}
	return r >= need
}
