-- +goose Up

ALTER TABLE api_tokens ADD COLUMN services JSON; -- patterns; NULL: all
ALTER TABLE api_tokens ADD COLUMN created_by TEXT;

-- Writes that were sent with a key, so that they happen once.
CREATE TABLE idempotent_requests (
    key         TEXT NOT NULL PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    at          TEXT NOT NULL,
    subject     TEXT
);

CREATE INDEX idempotent_requests_by_time ON idempotent_requests (at);
CREATE INDEX audit_log_by_service ON audit_log (service);
