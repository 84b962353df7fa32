package capability

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for status, want := range map[string]string{
		"Name:\tx\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n": "",
		"CapEff:\t0000000000000000\n":                       "CAP_BPF CAP_PERFMON CAP_SYS_PTRACE CAP_DAC_READ_SEARCH",
		"CapEff:\t0000000000200000\n":                       "CAP_SYS_PTRACE CAP_DAC_READ_SEARCH", // CAP_SYS_ADMIN
		"CapEff:\t0000008000080000\n":                       "CAP_PERFMON CAP_DAC_READ_SEARCH",
	} {
		c, ok := Parse([]byte(status))
		if got := strings.Join(c.Lacks("CAP_BPF CAP_PERFMON CAP_SYS_PTRACE CAP_DAC_READ_SEARCH"), " "); got != want || !ok {
			t.Errorf("%q lacks %q, want %q", status, got, want)
		}
	}
	for _, bad := range []string{"", "CapPrm:\t1\n", "CapEff:\tx\n"} {
		if _, ok := Parse([]byte(bad)); ok {
			t.Errorf("%q has capabilities", bad)
		}
	}
}
