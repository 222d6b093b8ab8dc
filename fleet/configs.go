package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"time"

	"github.com/degenduel/switchgear"
)

// ConfigView is a service's config in force, with the lint's warnings.
type ConfigView struct {
	ConfigVersion

	Warnings []switchgear.Warning
}

// ServiceConfig is the config in force.
func (m *Manager) ServiceConfig(ctx context.Context, name string) (ConfigView, error) {
	s, err := m.member("config", name)
	if err != nil {
		return ConfigView{}, err
	}
	m.mu.RLock()
	version := s.version
	m.mu.RUnlock()
	v, err := m.store.ConfigVersion(ctx, name, version)
	return ConfigView{v, m.lint(s)}, err
}

// lint is what will not work of the config in force.
func (m *Manager) lint(s *member) []switchgear.Warning {
	m.mu.RLock()
	cfg := s.config
	m.mu.RUnlock()
	return m.lintOf(s, cfg)
}

// lintOf is what would not work of a config.
func (m *Manager) lintOf(s *member, cfg switchgear.Config) []switchgear.Warning {
	slowest := s.guard.Snapshot().Performance.Slowest
	m.mu.RLock()
	defer m.mu.RUnlock()
	u := usageOf(s.def, cfg)
	u.SlowestOperation = slowest
	return cfg.Lint(u)
}

// TryConfig is what SetConfig would return, and changes nothing: a version that
// is not there, or, of what would change nothing, the one in force. Its errors
// are the same, but for those of the store.
func (m *Manager) TryConfig(
	ctx context.Context, name string, ifVersion int, edit func(current json.RawMessage) (json.RawMessage, error), by Actor,
) (ConfigView, error) {
	const op = "config"
	s, err := m.member(op, name)
	if err != nil {
		return ConfigView{}, err
	}
	m.mu.RLock()
	current, version := s.config, s.version
	m.mu.RUnlock()
	if ifVersion != AnyVersion && ifVersion != version {
		return ConfigView{}, errorf(Precondition, op, "version %d is in force, not %d", version, ifVersion)
	}
	cfg, err := edited(current, edit)
	if err != nil {
		return ConfigView{}, err
	}
	if sameConfig(cfg, current) {
		return m.ServiceConfig(ctx, name)
	}
	cfg.Version = version + 1
	doc, err := json.Marshal(cfg)
	if err != nil {
		return ConfigView{}, err
	}
	return ConfigView{
		ConfigVersion{Service: name, Version: cfg.Version, Config: doc, At: time.Now().UTC(), Actor: by.Name, Reason: by.Reason},
		m.lintOf(s, cfg),
	}, nil
}

// ConfigVersions are the versions of a service's config, newest first, below
// before if that is not 0.
func (m *Manager) ConfigVersions(ctx context.Context, name string, before, limit int) ([]ConfigVersion, error) {
	if _, err := m.member("config versions", name); err != nil {
		return nil, err
	}
	return m.store.ConfigVersions(ctx, name, before, limit)
}

// AnyVersion lets SetConfig replace whatever config is in force.
const AnyVersion = 0

// SetConfig puts in force what edit makes of the config's JSON, if the version
// in force is ifVersion. Precondition if it is another, Invalid for a bad
// config, with every bad field. What changes nothing is no new version: the one
// in force is returned.
func (m *Manager) SetConfig(
	ctx context.Context, name string, ifVersion int, edit func(current json.RawMessage) (json.RawMessage, error), by Actor,
) (ConfigView, error) {
	return m.setConfig(ctx, name, ifVersion, edit, by, details{"change": "edit"})
}

// setConfig is SetConfig for a change of a kind, which the audit log has.
func (m *Manager) setConfig(
	ctx context.Context, name string, ifVersion int, edit func(current json.RawMessage) (json.RawMessage, error), by Actor, change details,
) (ConfigView, error) {
	const op = "config"
	asked, err := m.member(op, name)
	if err != nil {
		return ConfigView{}, err
	}
	var next ConfigVersion
	var cfg switchgear.Config
	s, err := m.order(ctx, op, asked, order{
		plan: func(s *member, live reading, b *draft) (err error) {
			if ifVersion != AnyVersion && ifVersion != s.version {
				return errorf(Precondition, op, "version %d is in force, not %d", s.version, ifVersion)
			}
			if cfg, err = edited(s.config, edit); err != nil {
				return err
			}
			if sameConfig(cfg, s.config) {
				cfg, next = s.config, ConfigVersion{}
				by.keep(b, strconv.Itoa(s.version))
				return nil
			}
			cfg.Version = s.version + 1
			next, err = m.planConfig(s, live, cfg, by, b, change)
			return err
		},
		apply: func(s *member) {
			if cfg.Version != s.version {
				m.configure(s, cfg)
			}
		},
	})
	if err != nil {
		return ConfigView{}, err
	}
	if next.Version == 0 {
		next, err = m.store.ConfigVersion(ctx, name, cfg.Version)
		return ConfigView{next, m.lint(s)}, err
	}
	if _, err := m.awaitTold(ctx, s); err != nil {
		return ConfigView{}, err
	}
	return ConfigView{next, m.lint(s)}, nil
}

// edited is the config that edit makes of one, refused as a whole.
func edited(current switchgear.Config, edit func(json.RawMessage) (json.RawMessage, error)) (switchgear.Config, error) {
	var cfg switchgear.Config
	doc, err := json.Marshal(current)
	if err != nil {
		return cfg, err
	}
	next, err := edit(doc)
	if err != nil {
		return cfg, err
	}
	if cfg, err = current.Replace(next); err != nil {
		return cfg, &Error{Kind: Invalid, Op: "config", Err: err, Fields: FieldsOf(err)}
	}
	cfg.Classify, cfg.Hooks = current.Classify, current.Hooks
	return cfg, nil
}

// changedBy is the kind of a change of a config that comes with a service.
func changedBy(source Source) details {
	if source == SourceAPI {
		return details{"change": "declare"}
	}
	return details{"change": string(source)}
}

// planConfig adds a version of the config.
func (m *Manager) planConfig(
	s *member, live reading, cfg switchgear.Config, by Actor, b *draft, change details,
) (ConfigVersion, error) {
	doc, err := json.Marshal(cfg)
	if err != nil {
		return ConfigVersion{}, err
	}
	next := ConfigVersion{Service: s.name, Version: cfg.Version, Config: doc, At: live.At, Actor: by.Name, Reason: by.Reason}
	b.Configs = append(b.Configs, next)
	if m.find(s.name) != nil || m.versions[s.name] > 0 { // not the one that it comes with
		b.Events = append(b.Events, Event{
			Service: s.name, Kind: EventConfigChanged, At: live.At, Actor: by.Name, Reason: by.Reason,
			Evidence: object(map[string]any{"version": cfg.Version, "previous_version": cfg.Version - 1}),
		})
		what := maps.Clone(change)
		what["from_version"], what["to_version"] = cfg.Version-1, cfg.Version
		by.record(b, "config", s.name, strconv.Itoa(cfg.Version), what)
	}
	m.mu.RLock()
	v := m.viewOf(s, live.Snapshot)
	m.mu.RUnlock()
	v.Config, v.ConfigVersion = cfg, cfg.Version
	row, err := s.row(&v, live.At, by.Name)
	if err == nil {
		b.addRow(row, live.reported)
	}
	return next, err
}

// configure puts a stored config in force.
func (m *Manager) configure(s *member, cfg switchgear.Config) {
	if err := s.guard.Configure(cfg); err != nil {
		m.log.Error("a config that was found good is refused", slog.String("service", s.name), slog.Any("error", err))
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s.config, s.version = cfg, cfg.Version
	s.compare()
	m.versions[s.name] = cfg.Version
}

// Rollback puts an older version's config in force, as a new version. NotFound
// if there is no such version.
func (m *Manager) Rollback(ctx context.Context, name string, ifVersion, to int, by Actor) (ConfigView, error) {
	if _, err := m.member("rollback", name); err != nil {
		return ConfigView{}, err
	}
	old, err := m.store.ConfigVersion(ctx, name, to)
	if err != nil {
		return ConfigView{}, err
	}
	if by.Reason == "" {
		by.Reason = fmt.Sprintf("back to version %d", to)
	}
	return m.setConfig(ctx, name, ifVersion, func(json.RawMessage) (json.RawMessage, error) { return old.Config, nil }, by,
		details{"change": "rollback", "rolled_back_to": to})
}
