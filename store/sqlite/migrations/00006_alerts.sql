-- +goose Up

-- IDs of alerts, silences and deliveries sort by when these were made.
CREATE TABLE alerts (
    id              TEXT NOT NULL PRIMARY KEY,
    incident        TEXT NOT NULL, -- the id of its first alert
    kind            TEXT NOT NULL,
    service         TEXT NOT NULL,
    severity        TEXT NOT NULL,
    summary         TEXT,
    starts_at       TEXT NOT NULL,
    ends_at         TEXT, -- NULL: it is firing
    updated_at      TEXT NOT NULL,
    root            TEXT,
    affects         JSON, -- names of services
    evidence        JSON,
    silenced_by     JSON, -- ids of silences
    told_at         TEXT,
    acknowledged_by TEXT,
    acknowledged_at TEXT
);

CREATE INDEX alerts_by_service ON alerts (service, id);
CREATE INDEX alerts_by_incident ON alerts (incident, id);
CREATE INDEX alerts_by_end ON alerts (ends_at, id); -- of those that are firing, too

CREATE TABLE alert_silences (
    id         TEXT NOT NULL PRIMARY KEY,
    matchers   JSON NOT NULL, -- objects with field, op and value
    reason     TEXT,
    author     TEXT,
    starts_at  TEXT NOT NULL,
    ends_at    TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE INDEX alert_silences_by_end ON alert_silences (ends_at);

-- What receivers have yet to get. What they got is not here any more.
CREATE TABLE alert_deliveries (
    id         TEXT NOT NULL PRIMARY KEY,
    receiver   TEXT NOT NULL,
    incident   TEXT NOT NULL,
    kind       TEXT NOT NULL,
    alerts     JSON,
    created_at TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    next_at    TEXT,
    last_error TEXT
);
