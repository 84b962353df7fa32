package timeseries_test

import (
	"github.com/rtcollector/rtcollector/internal/embedded/embeddedtest"

	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

func TestDefaultRetentionBoundsSeries(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{Retention: time.Second})
	c.Line("TS.CREATE a")
	c.Line("TS.CREATE b RETENTION 5000")
	c.Line("TS.MADD a 1 1 a 2000 2 b 1 1 b 2000 2")
	c.Expect("TS.RANGE a - +", `{"a":[{"a":[{"i":2000},{"s":"2"}]}]}`)
	c.Expect("TS.RANGE b - +", `{"a":[{"a":[{"i":1},{"s":"1"}]},{"a":[{"i":2000},{"s":"2"}]}]}`)
}

func TestCompactionFollowsLateSamplesAndDeletions(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	c.Line("TS.CREATE s DUPLICATE_POLICY LAST")
	c.Line("TS.CREATE d")
	c.Expect("TS.CREATERULE s d AGGREGATION sum 10", resptest.OK)
	c.Line("TS.MADD s 1 1 s 12 2 s 25 3")
	c.Expect("TS.RANGE d - +", `{"a":[{"a":[{"i":0},{"s":"1"}]},{"a":[{"i":10},{"s":"2"}]}]}`)
	c.Line("TS.ADD s 3 5") // a late sample in a closed bucket
	c.Line("TS.ADD s 12 7")
	c.Expect("TS.RANGE d - +", `{"a":[{"a":[{"i":0},{"s":"6"}]},{"a":[{"i":10},{"s":"7"}]}]}`)
	c.Line("TS.ADD s 21 1") // a late sample in the open bucket
	c.Expect("TS.GET d LATEST", `{"a":[{"i":20},{"s":"4"}]}`)
	c.Line("TS.DEL s 0 9")
	c.Expect("TS.RANGE d - + LATEST", `{"a":[{"a":[{"i":10},{"s":"7"}]},{"a":[{"i":20},{"s":"4"}]}]}`)
	c.Expect("TS.CREATERULE d s AGGREGATION sum 10", `{"e":"ERR TSDB: the source key already has a source rule"}`)
	c.Line("DEL s")
	c.Expect("TS.GET d LATEST", `{"a":[{"i":10},{"s":"7"}]}`)
	c.Line("TS.CREATE e")
	c.Expect("TS.CREATERULE d e AGGREGATION sum 10", resptest.OK)
}

func TestIgnoreSkipsSimilarSamples(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	c.Line("TS.CREATE a DUPLICATE_POLICY LAST LABELS x y IGNORE 1000 0.5")
	c.Line("TS.ADD a 1000 1")
	c.Expect("TS.ADD a 1500 1.25", `{"i":1000}`)
	c.Expect("TS.ADD a 1600 2", `{"i":1600}`)
	c.Expect("TS.QUERYINDEX x=y", `{"a":[{"b":"a"}]}`)
}

func TestEmptyBucketsAreBounded(t *testing.T) {
	_, c := embeddedtest.Start(t, embedded.Config{})
	c.Line("TS.CREATE a LABELS x y")
	c.Line("TS.MADD a 0 1 a 1700000000000 1")
	want := `{"e":"ERR TSDB: too many buckets, use a longer bucketDuration or no EMPTY"}`
	c.Expect("TS.RANGE a - + AGGREGATION avg 1 EMPTY", want)
	c.Expect("TS.MRANGE - + AGGREGATION avg 1 EMPTY FILTER x=y", want)
	c.Expect("TS.RANGE a - + AGGREGATION avg 1700000000000 EMPTY", `{"a":[{"a":[{"i":0},{"s":"1"}]},{"a":[{"i":1700000000000},{"s":"1"}]}]}`)
}
