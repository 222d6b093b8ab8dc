package sqlite

import "context"

// OpenWith is Open with other migrations.
var OpenWith = open

// ApplicationID marks our files.
const ApplicationID = applicationID

// RestoreSteps is how many steps a restore has.
var RestoreSteps = len((&restoration{}).steps(context.Background()))

// RestoreUntil does the first n steps of Restore, as if the process had been
// killed behind them.
func RestoreUntil(ctx context.Context, dir, file string, n int) error {
	path, lock, err := enter(dir)
	if err != nil {
		return err
	}
	r := &restoration{path: path, draft: path + ".draft", file: file}
	for _, step := range r.steps(ctx)[:n] {
		if err := step(); err != nil {
			return err
		}
	}
	return lock.release()
}
