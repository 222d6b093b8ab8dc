-- +goose Up

ALTER TABLE audit_log ADD COLUMN details JSON; -- an object of simple values
