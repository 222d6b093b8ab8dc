package postgres

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/degenduel/switchgear/store/internal/sqlstore"
)

var dialect = sqlstore.Dialect{
	Time: func(at time.Time) any { return at },
	// Behind the fence it waits for whatever was sent before.
	Probe: "UPDATE leases SET name = name WHERE name = '" + leaseName + "'",
	Fault: faultOf,
	Array: array,
	Clear: func(table string) string { return "TRUNCATE " + table },
	GoOn: func(table string) string {
		return "SELECT setval(pg_get_serial_sequence('" + table + "', 'id'), COALESCE(MAX(id), 1), MAX(id) IS NOT NULL) FROM " + table
	},
}

// IsURL reports whether the text begins as the URL of a PostgreSQL database.
func IsURL(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// array is a column's values as one parameter.
func array(kind sqlstore.Kind, values []any) (any, error) {
	switch kind {
	case sqlstore.Integer:
		return integers(values)
	case sqlstore.Moment:
		return each[time.Time](values, nil)
	case sqlstore.Bytes:
		out := make([][]byte, len(values))
		for i, value := range values {
			raw, ok := value.([]byte)
			if !ok {
				return nil, fmt.Errorf("%T among bytes", value)
			}
			out[i] = raw
		}
		return out, nil
	case sqlstore.State:
		return each(values, sqlstore.PlainJSON)
	case sqlstore.Text, sqlstore.JSON:
		return each(values, sqlstore.Plain)
	}
	return nil, fmt.Errorf("columns of kind %d are not known", kind)
}

func integers(values []any) ([]int64, error) {
	out := make([]int64, len(values))
	for i, value := range values {
		switch n := value.(type) {
		case int64:
			out[i] = n
		case int:
			out[i] = int64(n)
		case uint64:
			out[i] = int64(n) //nolint:gosec // counted up from 1
		default:
			return nil, fmt.Errorf("%T among integers", value)
		}
	}
	return out, nil
}

// each is values of one type, nil for NULL, made what is stored of them.
func each[T any](values []any, stored func(T) T) ([]*T, error) {
	out := make([]*T, len(values))
	for i, value := range values {
		if value == nil {
			continue
		}
		v, ok := value.(T)
		if !ok {
			return nil, fmt.Errorf("%T among %T", value, v)
		}
		if stored != nil {
			v = stored(v)
		}
		out[i] = &v
	}
	return out, nil
}

// connector opens connections that clean the texts they are given.
type connector struct{ driver.Connector }

func connectorOf(cfg *pgx.ConnConfig) driver.Connector {
	return connector{stdlib.GetConnector(*cfg)}
}

// Connect implements [driver.Connector].
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := conn.(*stdlib.Conn)
	if !ok {
		return conn, nil
	}
	return cleaning{inner}, nil
}

// cleaning is a connection that cleans texts.
type cleaning struct{ *stdlib.Conn }

// CheckNamedValue implements [driver.NamedValueChecker].
func (c cleaning) CheckNamedValue(value *driver.NamedValue) error {
	if text, ok := value.Value.(string); ok {
		value.Value = sqlstore.Plain(text)
	}
	return c.Conn.CheckNamedValue(value)
}
