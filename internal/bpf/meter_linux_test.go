package bpf

import (
	"errors"
	"os"
	"testing"
)

// openMeter loads the programs, or skips the test where that is not possible.
func openMeter(t testing.TB, c MeterConfig) *Meter {
	t.Helper()
	m, err := OpenMeter(c)
	if err != nil {
		if os.Geteuid() == 0 && !errors.Is(err, errors.ErrUnsupported) {
			if _, missing := os.Stat("/sys/kernel/btf/vmlinux"); missing == nil {
				t.Fatal(err)
			}
		}
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestAllLoad(t *testing.T) {
	m := openMeter(t, MeterConfig{Network: true, Block: true, Processes: true, Latency: true, Retransmits: true, RunQueue: true, MeasureTime: true})
	for name := range m.programs {
		t.Log(name)
	}
	t.Log(m.Usage())
	t.Log(m.Fill())
	t.Log(m.Lost())
	t.Log(m.RunQueue())
}
