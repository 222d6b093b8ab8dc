package sqlbreaker

import (
	"errors"
	"reflect"
)

// Result codes of SQLite (https://sqlite.org/rescode.html) that speak of the
// database and not of the statement.
var sqliteFailures = map[int]bool{
	2:  true, // INTERNAL
	3:  true, // PERM
	5:  true, // BUSY
	7:  true, // NOMEM
	9:  true, // INTERRUPT
	10: true, // IOERR
	11: true, // CORRUPT
	13: true, // FULL
	14: true, // CANTOPEN
	15: true, // PROTOCOL
	22: true, // NOLFS
	26: true, // NOTADB
}

// sqliteBusySnapshot is the BUSY that asks to repeat the transaction.
const sqliteBusySnapshot = 517

// Numbers of MySQL's errors that speak of the server while their SQLSTATE, most
// often HY000, does not.
var mysqlFailures = map[uint64]bool{
	1021: true, // DISK_FULL
	1030: true, // GET_ERRNO
	1034: true, // NOT_KEYFILE
	1037: true, // OUTOFMEMORY
	1038: true, // OUT_OF_SORTMEMORY
	1041: true, // OUT_OF_RESOURCES
	1114: true, // RECORD_FILE_FULL
	1135: true, // CANT_CREATE_THREAD
	1194: true, // CRASHED_ON_USAGE
	1195: true, // CRASHED_ON_REPAIR
	1203: true, // TOO_MANY_USER_CONNECTIONS
	1226: true, // USER_LIMIT_REACHED
	1317: true, // QUERY_INTERRUPTED
	1969: true, // STATEMENT_TIMEOUT, MariaDB's
	3024: true, // QUERY_TIMEOUT
	3168: true, // SERVER_ISNT_AVAILABLE
}

// failedByCode is what the first error of the tree says that has a code we know.
func failedByCode(err error) (failed, ok bool) {
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		return stateFailed(state.SQLState()), true
	}
	var code interface{ Code() int }
	if errors.As(err, &code) {
		return sqliteFailed(code.Code()), true
	}
	visit(err, func(e error) bool {
		failed, ok = failedByField(e)
		return ok
	})
	return failed, ok
}

// visit calls f with the errors of the tree until it is done.
func visit(err error, f func(error) (done bool)) bool {
	if err == nil || f(err) {
		return err != nil
	}
	switch e := err.(type) { //nolint:errorlint // it is the tree itself that is walked
	case interface{ Unwrap() error }:
		return visit(e.Unwrap(), f)
	case interface{ Unwrap() []error }:
		for _, branch := range e.Unwrap() {
			if visit(branch, f) {
				return true
			}
		}
	}
	return false
}

// failedByField is for the drivers whose errors are structs with fields and no
// methods. They are known by their fields, for to import their types would bring
// the drivers into every program.
func failedByField(err error) (failed, ok bool) {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return false, false
	}
	state, hasState := text(v.FieldByName("SQLState"))
	number := v.FieldByName("Number")
	code, extended := v.FieldByName("Code"), v.FieldByName("ExtendedCode")
	switch {
	case number.Kind() == reflect.Uint16: // go-sql-driver/mysql
		return mysqlFailures[number.Uint()] || hasState && stateFailed(state), true
	case hasState && len(state) == stateLength:
		return stateFailed(state), true
	case code.CanInt() && extended.CanInt(): // mattn/go-sqlite3
		if extended.Int() == sqliteBusySnapshot {
			return false, true
		}
		return sqliteFailed(int(code.Int())), true
	case code.Kind() == reflect.String && code.Len() == stateLength: // pq, before it had the method
		return stateFailed(code.String()), true
	}
	return false, false
}

// text is a field that is a string or an array of bytes; not ok where it is
// neither, or has only zeros.
func text(v reflect.Value) (s string, ok bool) {
	switch {
	case v.Kind() == reflect.String:
		return v.String(), true
	case v.Kind() == reflect.Array && v.Type().Elem().Kind() == reflect.Uint8 && !v.IsZero():
		b := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(b), v)
		return string(b), true
	}
	return "", false
}

func sqliteFailed(code int) bool {
	return code != sqliteBusySnapshot && sqliteFailures[code&0xff]
}

const stateLength = 5

func stateFailed(state string) bool {
	if len(state) != stateLength {
		return true // no SQLSTATE
	}
	switch state[:2] {
	case "08", "53", "57", "58", "XX":
		return true
	}
	return state == "40003"
}
