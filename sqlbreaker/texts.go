package sqlbreaker

import (
	"strings"

	"github.com/degenduel/switchgear"
)

// said is the text of an error that a driver has no type for: how it begins,
// and what must follow somewhere.
type said struct {
	begins, has string
	means       switchgear.Outcome
}

// texts are what drivers say of a statement that they have not sent, which is
// nobody's outcome, and of a commit that could only be a rollback, which is an
// answer. Other people's texts may change: then it is a failure again.
var texts = []said{
	// github.com/jackc/pgx/v5
	{"failed to encode args[", "", switchgear.Ignored},
	{"expected ", " arguments, got ", switchgear.Ignored},
	{"mismatched param and argument count", "", switchgear.Ignored},
	{"insufficient arguments", "", switchgear.Ignored},
	{"unused argument: ", "", switchgear.Ignored},
	{"first sql argument must be > 0", "", switchgear.Ignored},
	{"invalid arg type: ", "", switchgear.Ignored},
	{"unsupported isolation: ", "", switchgear.Ignored},
	{"commit unexpectedly resulted in rollback", "", switchgear.Success},

	// modernc.org/sqlite
	{"missing argument with index ", "", switchgear.Ignored},
	{"missing named argument ", "", switchgear.Ignored},
	{"sqlite: invalid driver.Value type ", "", switchgear.Ignored},

	// github.com/mattn/go-sqlite3
	{"not enough args to execute query: ", "", switchgear.Ignored},

	// github.com/go-sql-driver/mysql
	{"argument count mismatch (got: ", "", switchgear.Ignored},
	{"cannot convert type: ", "", switchgear.Ignored},
	{"packet for query is too large", "", switchgear.Ignored},
	{"mysql: unsupported isolation level: ", "", switchgear.Ignored},

	// github.com/lib/pq
	{"pq: got ", " parameters but ", switchgear.Ignored},
	{"pq: encode: unknown type for ", "", switchgear.Ignored},
	{"pq: isolation level not supported: ", "", switchgear.Ignored},
	{"pq: could not complete operation in a failed transaction", "", switchgear.Success},
}

// outcomeByText is what an error without a code means.
func outcomeByText(err error) (o switchgear.Outcome) {
	defer func() {
		if recover() != nil { // a nil pointer in an error's clothes
			o = switchgear.Failure
		}
	}()
	text := err.Error()
	for _, t := range texts {
		if rest, ok := strings.CutPrefix(text, t.begins); ok && strings.Contains(rest, t.has) {
			return t.means
		}
	}
	return switchgear.Failure
}
