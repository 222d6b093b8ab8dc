-- +goose Up

-- How a service went, in runs of points. Moments here are seconds since 1970:
-- there are many rows, and nobody reads them without a program.
CREATE TABLE service_series (
    service TEXT NOT NULL,    -- '' tells when a manager ran
    step    BIGINT NOT NULL,  -- seconds that a point stands for
    started BIGINT NOT NULL,  -- the beginning of the first point
    ended   BIGINT NOT NULL,  -- the end of the last
    points  BLOB NOT NULL,
    PRIMARY KEY (service, step, started)
);

CREATE INDEX service_series_by_time ON service_series (step, started);

-- For what a service was at some moment: its newest event of a kind until then.
CREATE INDEX service_events_by_kind ON service_events (service, kind, at);
