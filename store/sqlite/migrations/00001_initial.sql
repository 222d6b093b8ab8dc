-- +goose Up

-- Times are RFC 3339 in UTC with six digits of a second, which sort as text.
-- JSON is text. What is not said is NULL.

CREATE TABLE system_settings (
    key         TEXT NOT NULL PRIMARY KEY, -- of a service: service:<name>
    value       JSON NOT NULL,
    description TEXT,
    updated_at  TEXT NOT NULL,
    updated_by  TEXT
);

CREATE TABLE service_events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice
    seq        INTEGER NOT NULL,
    service    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    from_state TEXT,
    to_state   TEXT,
    at         TEXT NOT NULL,
    actor      TEXT,
    reason     TEXT,
    evidence   JSON
);

-- An index ends with the id by itself. There is none by time: events are asked
-- for by falling id, and of a wide range of times every row would be sorted
-- (measured: 2.4 s of a million rows; in the order of ids at most 0.25 s).
CREATE INDEX service_events_by_service ON service_events (service);
CREATE INDEX service_events_by_seq ON service_events (seq);

CREATE TABLE service_configs (
    service TEXT NOT NULL,
    version INTEGER NOT NULL,
    config  JSON NOT NULL,
    at      TEXT NOT NULL,
    actor   TEXT,
    reason  TEXT,
    PRIMARY KEY (service, version)
);

CREATE TABLE audit_log (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      TEXT NOT NULL,
    actor   TEXT,
    address TEXT,
    action  TEXT NOT NULL,
    service TEXT,
    reason  TEXT,
    result  TEXT
);

CREATE TABLE api_tokens (
    id         TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    hash       TEXT NOT NULL UNIQUE, -- SHA-256 of the secret, in hex
    created_at TEXT NOT NULL,
    expires_at TEXT
);
