-- +goose Up

ALTER TABLE api_tokens ADD COLUMN parent TEXT; -- of a session: the ID of the token that it was opened with
