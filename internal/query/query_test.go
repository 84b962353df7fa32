package query_test

import (
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
)

func TestInstant(t *testing.T) {
	client := querytest.Open(t)
	querytest.LoadFile(t, client, "testdata/cases/empty-matchers/samples.om")
	r, err := query.New(client, query.Limits{}).Instant(t.Context(), `sum by (role) (disk_used{host=~"b|d"})`, time.Unix(1750003200, 0), query.Params{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := r.Value.String(); got != `{role="db"} => 6 @[1750003200000]` {
		t.Error(got)
	}
}
