package tsread_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/tsread"
)

func open(t *testing.T, config redisconn.Config) *redisconn.Client {
	t.Helper()
	client, err := redisconn.Open(t.Context(), config.ForSearches(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// clients returns a client of the embedded server and, if available, one of a real cluster.
func clients(t *testing.T) map[string]*redisconn.Client {
	t.Helper()
	server, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	single := redisconn.Defaults()
	single.Host, single.Port = servicetest.HostPort(t, server.Addr())
	all := map[string]*redisconn.Client{"embedded": open(t, single)}
	if os.Getenv(redistest.Command) != "" {
		cluster := redisconn.Defaults()
		for _, node := range redistest.Cluster(t, 3) {
			cluster.Cluster = append(cluster.Cluster, node.Addr())
		}
		all["cluster"] = open(t, cluster)
	}
	return all
}

func run(t *testing.T, client *redisconn.Client, commands ...string) {
	t.Helper()
	for _, line := range commands {
		var args []any
		for _, word := range strings.Fields(line) {
			args = append(args, word)
		}
		if err := client.Do(t.Context(), args...).Err(); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
}

func series(key, labels string) tsread.Series {
	s := tsread.Series{Key: key, Labels: map[string]string{}}
	words := strings.Fields(labels)
	for i := 0; i < len(words); i += 2 {
		s.Labels[words[i]] = words[i+1]
	}
	return s
}

func TestReader(t *testing.T) {
	const a, b, c = "__name__ m host h1 iface eth0", "__name__ m host h1 iface eth1", "__name__ n host h1"
	for name, client := range clients(t) {
		t.Run(name, func(t *testing.T) {
			run(t, client,
				"TS.CREATE h1:m_eth0 LABELS "+a, "TS.CREATE h1:m_eth1 LABELS "+b, "TS.CREATE h1:n LABELS "+c, "TS.CREATE h2:n LABELS __name__ n host h2",
				"TS.ADD h1:m_eth0 1000 1.5", "TS.ADD h1:m_eth0 2000 -2", "TS.ADD h1:m_eth0 3000 1e300", "TS.ADD h1:m_eth1 2500 7", "TS.ADD h2:n 1 1")
			r := tsread.New(client)
			all, err := r.List(t.Context(), tsread.Equal("host", "h1"))
			if diff := cmp.Diff([]tsread.Series{series("h1:m_eth0", a), series("h1:m_eth1", b), series("h1:n", c)}, all); diff != "" || err != nil {
				t.Error(diff, err)
			}
			latest, err := r.Latest(t.Context(), "host=h1", "__name__!=")
			want := []tsread.Data{
				{Series: series("h1:m_eth0", a), Samples: []tsread.Sample{{Time: 3000, Value: 1e300}}},
				{Series: series("h1:m_eth1", b), Samples: []tsread.Sample{{Time: 2500, Value: 7}}},
			}
			if diff := cmp.Diff(want, latest); diff != "" || err != nil {
				t.Error(diff, err)
			}
			for name, tc := range map[string]struct {
				query tsread.RangeQuery
				want  []tsread.Sample
			}{
				"all":       {tsread.RangeQuery{}, []tsread.Sample{{1000, 1.5}, {2000, -2}, {3000, 1e300}}},
				"from":      {tsread.RangeQuery{From: time.UnixMilli(2000)}, []tsread.Sample{{2000, -2}, {3000, 1e300}}},
				"to":        {tsread.RangeQuery{To: time.UnixMilli(2999)}, []tsread.Sample{{1000, 1.5}, {2000, -2}}},
				"limit":     {tsread.RangeQuery{Limit: 1}, []tsread.Sample{{1000, 1.5}}},
				"aggregate": {tsread.RangeQuery{To: time.UnixMilli(2000), Aggregation: "min", Bucket: 10 * time.Second}, []tsread.Sample{{0, -2}}},
				"nothing":   {tsread.RangeQuery{From: time.UnixMilli(9000)}, nil},
			} {
				tc.query.Matchers = []string{"host=h1", "iface=eth0"}
				got, err := r.Range(t.Context(), tc.query)
				if diff := cmp.Diff([]tsread.Data{{Series: series("h1:m_eth0", a), Samples: tc.want}}, got); diff != "" || err != nil {
					t.Errorf("%s: %s %v", name, diff, err)
				}
			}
		})
	}
}

func TestErrorsNameTheServer(t *testing.T) {
	client := clients(t)["embedded"]
	r := tsread.New(client)
	if _, err := r.List(t.Context(), "iface!=lo"); err == nil || !strings.HasPrefix(err.Error(), "redis "+client.Addr) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Latest(ctx, "host=h1"); err == nil {
		t.Error("no error")
	}
}

// Reading any reply ends with an error or a result.
func TestHostileServers(t *testing.T) {
	for name, reply := range map[string]string{
		"no list": "+OK\r\n", "short series": "*1\r\n*1\r\n$1\r\nk\r\n", "long sample": "*1\r\n*3\r\n$1\r\nk\r\n*0\r\n*3\r\n:1\r\n$1\r\n1\r\n$1\r\n1\r\n",
		"odd label": "*1\r\n*3\r\n$1\r\nk\r\n*1\r\n*1\r\n$1\r\na\r\n*0\r\n", "no number": "*1\r\n*3\r\n$1\r\nk\r\n*0\r\n*2\r\n:1\r\n$1\r\nx\r\n",
		"no time": "*1\r\n*3\r\n$1\r\nk\r\n*0\r\n*1\r\n*2\r\n$1\r\n1\r\n$1\r\n1\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			config := redisconn.Defaults()
			config.Host, config.Port = servicetest.HostPort(t, redistest.ListenHostile(t, reply, true))
			client, err := redisconn.Open(t.Context(), config.ForSearches(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = client.Close() }()
			if all, err := tsread.New(client).Latest(t.Context(), "host=h1"); err == nil || !strings.HasPrefix(err.Error(), "redis ") {
				t.Errorf("error %v, %v", err, all)
			}
		})
	}
}
