-- +goose Up

-- The place in the stream of a row as it is, where several managers share the
-- database: 0 here, and kept through a copy.
ALTER TABLE system_settings ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
