package promtext_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/promtext"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

func countersPage(from, to int) []byte {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "m{i=\"%d\"} 1\n", i)
	}
	return []byte(b.String())
}

// Readers of one input share a quota. Known series continue; new ones are left out until others are removed.
func TestQuota(t *testing.T) {
	quota := &promtext.Quota{MaxBytes: 570 * 100}
	f := telemetry.NewFactory("h", "s", nil)
	first, second := promtext.NewReader(f), promtext.NewReader(f)
	first.Quota, second.Quota = quota, quota
	read := func(r *promtext.Reader, page []byte) (int, string) {
		b := telemetry.NewBatch(time.UnixMilli(1000), time.UnixMilli(1000), 0)
		_, err := r.Read(b, page)
		return b.Len(), fmt.Sprint(err)
	}
	if n, err := read(first, countersPage(0, 60)); n != 60 || err != "<nil>" {
		t.Error(n, err)
	}
	n, err := read(second, countersPage(100, 200))
	if n < 30 || n > 45 || !strings.Contains(err, fmt.Sprintf("%d samples are left out: the series of all pages of this input would need more than 57000 bytes", 100-n)) {
		t.Error(n, err)
	}
	if again, _ := read(second, countersPage(100, 200)); again != n {
		t.Errorf("%d of %d are there again", again, n)
	}
	for range 5 {
		_, _ = read(first, nil)
	}
	if n, err := read(second, countersPage(100, 190)); n != 90 || err != "<nil>" {
		t.Errorf("after the others were forgotten: %d, %s", n, err)
	}
}

// Long lines and many labels are rejected, because each label is compared with all others.
func TestLongLines(t *testing.T) {
	f := telemetry.NewFactory("h", "s", nil)
	var labels strings.Builder
	for i := range 101 {
		fmt.Fprintf(&labels, "l%d=\"v\",", i)
	}
	text := "a 1\nb{" + labels.String() + "} 1\nc{l=\"" + strings.Repeat("x", 16<<10) + "\"} 1\nd{" + labels.String()[:strings.LastIndex(labels.String(), "l100")] + "} 1\n"
	b := telemetry.NewBatch(time.UnixMilli(1000), time.UnixMilli(1000), 0)
	if n, err := promtext.NewReader(f).Read(b, []byte(text)); n != 2 || err == nil || !strings.Contains(err.Error(), "line 2 is not a sample") || !strings.Contains(err.Error(), "and 1 more") {
		t.Error(n, err)
	}
}
