// Package fleet is the manager: the one authority that knows the state of all
// services, remembers it, checks their health and takes an administrator's
// orders.
package fleet
