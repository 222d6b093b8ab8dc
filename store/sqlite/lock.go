package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
)

// lock is the hold on a data directory: a lock of the operating system on a
// file of its own, which ends with the process however that ends. The file
// stays; to remove it would let two processes each lock their own.
type lock struct {
	file *os.File
	once sync.Once
	err  error
}

// errHeld is what tryLock says of a file that another has locked.
var errHeld = errors.New("locked")

// acquire locks the file or says at once who has it.
func acquire(path string) (*lock, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the directory
	if err != nil {
		return nil, err
	}
	switch err := tryLock(file); {
	case errors.Is(err, errHeld):
		return nil, errors.Join(fmt.Errorf("%w%s", ErrInUse, holder(file)), file.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	// The process is named for the message to the next. That is a courtesy,
	// for which a full disk must not keep the store from being read.
	if err := file.Truncate(0); err == nil {
		_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return &lock{file: file}, nil
}

// holder names the process that has the lock, if it has said so.
func holder(file *os.File) string {
	var said [20]byte
	n, _ := file.ReadAt(said[:], 0)
	if pid, err := strconv.Atoi(string(bytes.TrimSpace(said[:n]))); err == nil {
		return fmt.Sprintf(" (process %d)", pid)
	}
	return ""
}

// release gives the lock up; once is enough. To close the file is not enough
// where another goroutine is just starting a process, which has it too until it
// has become another program.
func (l *lock) release() error {
	l.once.Do(func() { l.err = errors.Join(unlock(l.file), l.file.Close()) })
	return l.err
}
