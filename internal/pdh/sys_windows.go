//go:build windows && (amd64 || arm64)

package pdh

import (
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// library has the functions of pdh.dll.
type library struct {
	openQuery, addCounter, collect, getValue, getArray, closeQuery *windows.LazyProc
}

func newLibrary() *library {
	dll := windows.NewLazySystemDLL("pdh.dll")
	return &library{
		openQuery:  dll.NewProc("PdhOpenQueryW"),
		addCounter: dll.NewProc("PdhAddEnglishCounterW"),
		collect:    dll.NewProc("PdhCollectQueryData"),
		getValue:   dll.NewProc("PdhGetFormattedCounterValue"),
		getArray:   dll.NewProc("PdhGetFormattedCounterArrayW"),
		closeQuery: dll.NewProc("PdhCloseQuery"),
	}
}

type query struct {
	library *library
	handle  uintptr
	paths   map[Counter]Path
	buf     []uint64 // for items; its elements align them
}

// Open opens a query of this host's counters.
func Open() (Query, error) {
	l := newLibrary()
	for _, p := range []*windows.LazyProc{l.openQuery, l.addCounter, l.collect, l.getValue, l.getArray, l.closeQuery} {
		if err := p.Find(); err != nil {
			return nil, err // otherwise Call would panic
		}
	}
	q := &query{library: l, paths: map[Counter]Path{}}
	if r, _, _ := l.openQuery.Call(0, 0, uintptr(unsafe.Pointer(&q.handle))); r != 0 {
		return nil, fmt.Errorf("open a query of performance counters: %w", Status(r))
	}
	return q, nil
}

// Add implements Query.
func (q *query) Add(path string) (Counter, error) {
	parsed, err := ParsePath(path)
	if err != nil {
		return 0, err
	}
	text, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	var c Counter
	if r, _, _ := q.library.addCounter.Call(q.handle, uintptr(unsafe.Pointer(text)), 0, uintptr(unsafe.Pointer(&c))); r != 0 {
		return 0, Status(r)
	}
	q.paths[c] = parsed
	return c, nil
}

// Collect implements Query.
func (q *query) Collect() error {
	r, _, _ := q.library.collect.Call(q.handle)
	if status := Status(r); status != 0 && !status.isWithoutValue() {
		return fmt.Errorf("collect performance counters: %w", status)
	}
	return nil
}

// formatted is PDH_FMT_COUNTERVALUE with a double.
type formatted struct {
	status uint32
	_      uint32
	value  float64
}

// item is PDH_FMT_COUNTERVALUE_ITEM_W, on 64 bits.
type item struct {
	name *uint16
	formatted
}

const (
	formatDouble  = 0x200  // PDH_FMT_DOUBLE
	formatNoCap   = 0x8000 // PDH_FMT_NOCAP100: several cores are more than 100 %
	maxStatusGood = 1      // PDH_CSTATUS_VALID_DATA, PDH_CSTATUS_NEW_DATA

	maxItems = 64 << 20 // bytes
)

// Values implements Query.
func (q *query) Values(c Counter) ([]Value, error) {
	if p := q.paths[c]; !strings.Contains(p.Instance, "*") {
		return q.value(c, p.Instance)
	}
	return q.array(c)
}

// value reads a counter whose path has no wildcard.
func (q *query) value(c Counter, instance string) ([]Value, error) {
	var f formatted
	r, _, _ := q.library.getValue.Call(uintptr(c), formatDouble|formatNoCap, 0, uintptr(unsafe.Pointer(&f)))
	if status := Status(r); status.isWithoutValue() {
		return nil, nil
	} else if status != 0 {
		return nil, status
	}
	return []Value{{Instance: instance, Valid: f.status <= maxStatusGood, Value: f.value}}, nil
}

// array reads all instances of a counter whose path has a wildcard. A bigger buffer is made if it does not hold them.
func (q *query) array(c Counter) ([]Value, error) {
	for {
		size, count := uint32(8*len(q.buf)), uint32(0)
		var first unsafe.Pointer
		if len(q.buf) > 0 {
			first = unsafe.Pointer(&q.buf[0])
		}
		r, _, _ := q.library.getArray.Call(uintptr(c), formatDouble|formatNoCap, uintptr(unsafe.Pointer(&size)), uintptr(unsafe.Pointer(&count)), uintptr(first))
		switch status := Status(r); {
		case status == MoreData && size > uint32(8*len(q.buf)) && size <= maxItems:
			q.buf = make([]uint64, size/8+1024) // and some more, because processes start at any moment
			continue
		case status.isWithoutValue():
			return nil, nil
		case status != 0:
			return nil, status
		case count == 0 || len(q.buf) == 0:
			return nil, nil
		}
		var values []Value
		for _, i := range unsafe.Slice((*item)(first), count) {
			values = append(values, Value{Instance: windows.UTF16PtrToString(i.name), Valid: i.status <= maxStatusGood, Value: i.value})
		}
		return values, nil
	}
}

// isWithoutValue reports whether a status means that a counter has no value at the moment: it needs a second reading, has no instance, or ran
// backwards.
func (s Status) isWithoutValue() bool {
	switch s {
	case NoInstance, NoData, NegativeDenominator, NegativeValue, InvalidData:
		return true
	}
	return false
}

// Close implements io.Closer.
func (q *query) Close() error {
	if r, _, _ := q.library.closeQuery.Call(q.handle); r != 0 {
		return Status(r)
	}
	return nil
}
