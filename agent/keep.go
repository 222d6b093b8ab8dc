package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// maxKept is how large a kept config may be, in bytes.
const maxKept = 64 << 10

// kept is the file of a service's last good config.
type kept struct {
	Service string          `json:"service"`
	Version int             `json:"version"`
	Config  json.RawMessage `json:"config"`
	Code    json.RawMessage `json:"code"` // the program's own, beside which it came
}

// keeper keeps configs on disk. A nil keeper keeps nothing. It writes in a
// goroutine of its own, so that a disk that hangs keeps nobody waiting but Close;
// of each service the newest waits.
type keeper struct {
	dir string
	log *slog.Logger

	mu      sync.Mutex
	waiting map[string]kept
	writing bool
	busy    sync.WaitGroup
}

func newKeeper(dir string, log *slog.Logger) (*keeper, error) {
	if dir == "" {
		return nil, nil //nolint:nilnil // which keeps nothing
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("agent: Options.Dir: %w", err)
	}
	return &keeper{dir: dir, log: log, waiting: make(map[string]kept)}, nil
}

// file is where a service's config is. A name has no % and, to be a file's on
// every system, no colon.
func (k *keeper) file(service string) string {
	return filepath.Join(k.dir, strings.ReplaceAll(service, ":", "%3a")+".json")
}

// read is the config to start with; nil: there is none that can be used.
func (k *keeper) read(m *member) *kept {
	if k == nil {
		return nil
	}
	at := k.file(m.name)
	doc, err := readFile(at)
	var found kept
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil:
		err = json.Unmarshal(doc, &found)
	}
	switch {
	case err != nil:
	case found.Service != m.name:
		err = fmt.Errorf("it is of the service %q", found.Service)
	case found.Version < 1:
		err = fmt.Errorf("version: %d is not in 1 …", found.Version)
	}
	switch {
	case err != nil:
		k.log.Warn("the file of a kept config cannot be used", slog.String("file", at), slog.Any("error", err))
		return nil
	case !bytes.Equal(found.Code, m.code):
		k.log.Info("a kept config is passed over, for the program's own is another since",
			slog.String("service", m.name), slog.Int("config_version", found.Version))
		return nil
	}
	return &found
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // a file of the folder that the program named
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	doc, err := io.ReadAll(io.LimitReader(f, maxKept+1))
	if err == nil && len(doc) > maxKept {
		err = fmt.Errorf("larger than %d bytes", maxKept)
	}
	return doc, err
}

// keep writes a config that is in force, soon.
func (k *keeper) keep(m *member, config json.RawMessage, version int) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting[m.name] = kept{m.name, version, config, m.code}
	if !k.writing {
		k.writing = true
		k.busy.Go(k.write)
	}
}

func (k *keeper) write() {
	for {
		k.mu.Lock()
		var next *kept
		for name, doc := range k.waiting {
			next = &doc
			delete(k.waiting, name)
			break
		}
		k.writing = next != nil
		k.mu.Unlock()
		if next == nil {
			return
		}
		if err := k.writeFile(next); err != nil {
			k.log.Warn("a config could not be kept", slog.String("service", next.Service), slog.Any("error", err))
		}
	}
}

// writeFile puts the file there whole, or not at all.
func (k *keeper) writeFile(doc *kept) error {
	data, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(k.dir, ".config-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), k.file(doc.Service))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // what is said of it below is enough
	}
	return err
}

// wait waits for what is being written.
func (k *keeper) wait() {
	if k != nil {
		k.busy.Wait()
	}
}
