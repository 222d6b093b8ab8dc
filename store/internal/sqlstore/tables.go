package sqlstore

// table is one of the store's.
type table struct {
	name    string
	columns columns // the key's first
	key     int     // how many of the columns are the key
	counted bool    // its id is given by the engine
}

var (
	settings = table{"system_settings", columns{
		{"key", Text},
		{"value", State},
		{"description", Text},
		{"updated_at", Moment},
		{"updated_by", Text},
		{"revision", Integer},
	}, 1, false}
	events = table{"service_events", columns{
		{"id", Integer},
		{"seq", Integer},
		{"service", Text},
		{"kind", Text},
		{"from_state", Text},
		{"to_state", Text},
		{"at", Moment},
		{"actor", Text},
		{"reason", Text},
		{"evidence", JSON},
	}, 1, true}
	configs = table{"service_configs", columns{
		{"service", Text}, {"version", Integer}, {"config", JSON}, {"at", Moment}, {"actor", Text}, {"reason", Text},
	}, 2, false}
	audits = table{"audit_log", columns{
		{"id", Integer},
		{"at", Moment},
		{"actor", Text},
		{"address", Text},
		{"action", Text},
		{"service", Text},
		{"reason", Text},
		{"result", Text},
		{"details", JSON},
	}, 1, true}
	tokens = table{"api_tokens", columns{
		{"id", Text},
		{"name", Text},
		{"role", Text},
		{"hash", Text},
		{"services", JSON},
		{"created_at", Moment},
		{"created_by", Text},
		{"expires_at", Moment},
		{"parent", Text},
	}, 1, false}
	requests = table{"idempotent_requests", columns{
		{"key", Text}, {"fingerprint", Text}, {"at", Moment}, {"subject", Text},
	}, 1, false}
	series = table{"service_series", columns{
		{"service", Text}, {"step", Integer}, {"started", Integer}, {"ended", Integer}, {"points", Bytes},
	}, 3, false}
	instances = table{"service_instances", columns{
		{"service", Text}, {"instance", Text}, {"value", JSON}, {"updated_at", Moment},
	}, 2, false}
	alertRows = table{"alerts", columns{
		{"id", Text},
		{"incident", Text},
		{"kind", Text},
		{"service", Text},
		{"severity", Text},
		{"summary", Text},
		{"starts_at", Moment},
		{"ends_at", Moment},
		{"updated_at", Moment},
		{"root", Text},
		{"affects", JSON},
		{"evidence", JSON},
		{"silenced_by", JSON},
		{"told_at", Moment},
		{"acknowledged_by", Text},
		{"acknowledged_at", Moment},
		{"revision", Integer},
	}, 1, false}
	silences = table{"alert_silences", columns{
		{"id", Text},
		{"matchers", JSON},
		{"reason", Text},
		{"author", Text},
		{"starts_at", Moment},
		{"ends_at", Moment},
		{"created_at", Moment},
	}, 1, false}
	deliveries = table{"alert_deliveries", columns{
		{"id", Text},
		{"receiver", Text},
		{"incident", Text},
		{"kind", Text},
		{"alerts", JSON},
		{"created_at", Moment},
		{"attempts", Integer},
		{"next_at", Moment},
		{"last_error", Text},
	}, 1, false}
)

// tables are all that hold what a manager knows.
var tables = []*table{&settings, &events, &configs, &audits, &tokens, &requests, &series, &instances, &alertRows, &silences, &deliveries}
