-- +goose Up

-- The instances of services whose breakers are in other processes.
CREATE TABLE service_instances (
    service    TEXT NOT NULL,
    instance   TEXT NOT NULL,
    value      JSON NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (service, instance)
);
