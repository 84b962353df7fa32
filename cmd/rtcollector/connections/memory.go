package connections

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	// maxRemembered is the number of destinations that are remembered of one store.
	maxRemembered = 20_000

	// maxMemory is the size of a memory in bytes above which it is not read.
	maxMemory = 16 << 20
)

// Memory remembers in a file what earlier reports have seen, for each store.
type Memory struct {
	path   string
	stores map[string]Seen
}

// Seen is what the reports of a store have seen. The zero value is that of a store without a report.
type Seen struct {
	Time         time.Time `json:"time"`                   // of the last report
	Destinations []string  `json:"destinations,omitempty"` // sorted; empty for stores that know it themselves
}

// OpenMemory reads a memory. A file that does not exist is an empty one. After another error the memory is empty as well.
func OpenMemory(path string) (*Memory, error) {
	m := &Memory{path: path, stores: map[string]Seen{}}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, fmt.Errorf("read what earlier reports have seen: %w", err)
	}
	defer func() { _ = f.Close() }()
	stores := map[string]Seen{}
	if err := json.NewDecoder(io.LimitReader(f, maxMemory)).Decode(&stores); err != nil {
		return m, fmt.Errorf("read what earlier reports have seen in %s: %w; remove the file", path, err)
	}
	m.stores = stores
	return m, nil
}

// Get returns what the reports of a store have seen. Name identifies the store; only its hash is written to the file.
func (m *Memory) Get(name string) Seen { return m.stores[hashName(name)] }

// Keep adds a report that was made at a time, and writes the file.
func (m *Memory) Keep(name string, s Store, r *Report, now time.Time) error {
	seen := Seen{Time: now}
	if _, isTable := s.(*tableStore); !isTable {
		seen.Destinations = append(slices.Clone(m.Get(name).Destinations), r.destinations...)
		slices.Sort(seen.Destinations)
		seen.Destinations = slices.Compact(seen.Destinations)
		seen.Destinations = seen.Destinations[:min(len(seen.Destinations), maxRemembered)]
	}
	m.stores[hashName(name)] = seen
	if err := m.write(); err != nil {
		return fmt.Errorf("remember what this report has seen: %w", err)
	}
	return nil
}

// write replaces the file, so that a reader never finds half of it.
func (m *Memory) write() error {
	data, err := json.Marshal(m.stores)
	if err != nil {
		return err
	}
	folder := filepath.Dir(m.path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, "reports-*") // with permissions 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), m.path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func hashName(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:12])
}
