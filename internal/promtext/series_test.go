package promtext

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// readPage reads a page and returns the samples by the keys of their series.
func readPage(t *testing.T, r *Reader, second int, page string) map[string]float64 {
	t.Helper()
	at := time.Unix(1_700_000_000+int64(second), 0)
	out := telemetry.NewBatch(at, at, 0)
	if _, err := r.Read(out, []byte(page)); err != nil {
		t.Error(err)
	}
	m := map[string]float64{}
	for i := range out.Len() {
		s, _, v := out.Sample(i)
		if _, twice := m[s.BareKey()]; twice {
			t.Errorf("%s was written twice", s.BareKey())
		}
		m[s.BareKey()] = v
	}
	return m
}

// The order of labels does not matter. Exporters that keep labels in a hash map change it from page to page.
func TestLabelOrder(t *testing.T) {
	r := newReader()
	for second, labels := range []string{
		`queue="mail",state="done",zone="x"`, `state="done",queue="mail",zone="x"`, `zone="x",state="done",queue="mail",`,
		` queue = "mail" , zone = "x" , state = "done" `, `queue="mail",state="done",zone="x",shard=""`,
	} {
		page := "# TYPE jobs_total counter\njobs_total{" + labels + fmt.Sprintf("} %d\n", 7*second)
		want := map[string]float64{"jobs_total_x_mail_done_x": float64(7 * second)}
		if second > 0 {
			want["jobs_total_rate_x_mail_done_x"] = 7
		}
		if diff := cmp.Diff(want, readPage(t, r, second, page)); diff != "" || r.Len() != 1 {
			t.Errorf("%s: %d series: %s", labels, r.Len(), diff)
		}
	}
}

// If a series appears twice on a page, the first sample counts, whatever the order of the labels.
func TestSeriesTwiceOnAPage(t *testing.T) {
	for _, page := range []string{
		`m{a="1",b="2"} 1` + "\n" + `m{b="2",a="1"} 2`, `m{a="1",b="2"} 1` + "\n" + `m{a="1",b="2"} 2`, `m{a="1",b="2"} 1` + "\n" + `{"m",b="2",a="1"} 2`,
		`m{a="1",b="2"} 1` + "\n" + `m{b="2",c="",a="1"} 2`,
	} {
		if diff := cmp.Diff(map[string]float64{"m_x_1_2": 1}, readPage(t, newReader(), 0, page)); diff != "" {
			t.Errorf("%s: %s", page, diff)
		}
	}
	if diff := cmp.Diff(map[string]float64{"m_x": 1}, readPage(t, newReader(), 0, "m 1\nm{} 2\nm{a=\"\"} 3\n")); diff != "" {
		t.Error(diff)
	}
}

// The order of the labels does not decide which one gets the prefix "exported_".
func TestReservedLabelsInAnyOrder(t *testing.T) {
	want := map[string]float64{"m exported_exported_of=y exported_of=z of=x": 1}
	for _, page := range []string{`m{of="y",exported_of="z"} 1`, `m{exported_of="z",of="y"} 1`} {
		got, err := gatherPage(t, newReader(), 0, page)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
	}
}

// IDs that look similar but mean different series have different handles.
func TestDifferentSeriesStayApart(t *testing.T) {
	r := newReader()
	page := `m{a="1",b="2"} 1
m{a="2",b="1"} 2
m{a="1\",b=\"2"} 3
m{"a=\"1\",b"="2"} 4
{"m{a=\"1\",b=\"2\"}"} 5
m{a="1",b="2",c="x"} 6
`
	if _, err := gatherPage(t, r, 0, page); err != nil || r.Len() != 6 {
		t.Errorf("%d series, %v", r.Len(), err)
	}
}

// The labels le and quantile are last in keys, as the library of Prometheus writes them.
func TestBucketsKeepTheirKeys(t *testing.T) {
	got := readPage(t, newReader(), 0, "h_bucket{le=\"1\",method=\"GET\"} 1\ns{method=\"GET\",quantile=\"0.5\",zone=\"z\"} 2\n")
	if diff := cmp.Diff(map[string]float64{"h_bucket_x_GET_1": 1, "s_x_GET_z_0.5": 2}, got); diff != "" {
		t.Error(diff)
	}
}

// shuffledPage returns a page of n series with eight labels each, in random order.
func shuffledPage(random *rand.Rand, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("m{")
		for _, l := range random.Perm(8) {
			fmt.Fprintf(&b, "label%d=\"%d\",", l, i)
		}
		b.WriteString("} 1\n")
	}
	return b.String()
}

// The IDs of known series count towards the quota, but no series is left out because of them.
func TestEveryPageInAnotherOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	quota := &Quota{MaxBytes: 100_000}
	r := newReader()
	r.Quota = quota
	for second := range 50 {
		page := shuffledPage(random, 80)
		if got, err := gatherPage(t, r, second, page); err != nil || len(got) != 80 || r.Len() != 80 {
			t.Fatalf("page %d: %d samples, %d series, %v", second, len(got), r.Len(), err)
		}
		if quota.usedBytes > quota.MaxBytes+1000 {
			t.Fatalf("page %d: %d bytes are in use", second, quota.usedBytes)
		}
	}
	for second := range 5 {
		_, _ = r.Read(telemetry.NewBatch(time.Unix(int64(second), 0), time.Unix(int64(second), 0), 0), nil)
	}
	if r.Len() != 0 || r.byID.Len() != 0 || quota.usedBytes != 0 {
		t.Errorf("afterwards: %d series, %d texts, %d bytes", r.Len(), r.byID.Len(), quota.usedBytes)
	}
}

func TestKnownSeriesAllocateNothing(t *testing.T) {
	r, page := newReader(), []byte(largePage(100))
	at := time.Unix(1_700_000_000, 0)
	read := func() {
		at = at.Add(time.Second)
		_, _ = r.Read(telemetry.NewBatch(at, at, 400), page)
	}
	read()
	read()
	var b *telemetry.Batch
	empty := testing.AllocsPerRun(100, func() { b = telemetry.NewBatch(at, at, 400) })
	_ = b
	if n := testing.AllocsPerRun(100, read); n > empty {
		t.Errorf("%v allocations, %v of them for the batch", n, empty)
	}
}

// A series and its rate end when the series was on none of the last pages.
func TestSeriesEnd(t *testing.T) {
	r := NewReader(telemetry.NewFactory("h", "s", nil))
	var ended []string
	for second, page := range []string{"# TYPE a counter\na{l=\"x\"} 1\nb 1\n", "# TYPE a counter\na{l=\"x\"} 2\nb 1\n", "b 1\n", "b 1\n", "b 1\n", "b 1\n"} {
		b := telemetry.NewBatch(time.Unix(int64(second), 0), time.Unix(int64(second), 0), 0)
		if _, err := r.Read(b, []byte(page)); err != nil {
			t.Fatal(err)
		}
		for _, s := range b.Ended() {
			ended = append(ended, s.BareKey())
		}
	}
	if want := []string{"a_rate_x", "a_x"}; !slices.Equal(ended, want) {
		t.Errorf("%v ended, want %v", ended, want)
	}
}
