package session

import (
	"bytes"
	"strings"
	"sync"
)

// Memory is a Store that lasts as long as the process. Its zero value is empty and
// ready for use.
type Memory struct {
	mu     sync.Mutex
	values map[string][]byte
}

// Load implements Store.
func (m *Memory) Load(key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.values[key]), nil
}

// Keys implements Store.
func (m *Memory) Keys(prefix string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for key := range m.values {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// Commit implements Store.
func (m *Memory) Commit(changes map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = make(map[string][]byte)
	}
	for key, value := range changes {
		if value == nil {
			delete(m.values, key)
		} else {
			m.values[key] = append([]byte{}, value...)
		}
	}
	return nil
}
