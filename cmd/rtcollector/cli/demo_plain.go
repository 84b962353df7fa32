//go:build !core

package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/internal/tskey"
	"github.com/rtcollector/rtcollector/internal/tsread"
	"github.com/rtcollector/rtcollector/internal/units"
)

// minPlainInterval is the shortest time between two lines.
const minPlainInterval = 200 * time.Millisecond

// printLines prints the most important values of a host every interval, until ctx ends.
func printLines(ctx context.Context, w io.Writer, client *redisconn.Client, server *embedded.Server, host string, interval time.Duration) error {
	reader := tsread.New(client)
	defer reader.Close()
	tick := time.NewTicker(max(interval, minPlainInterval))
	defer tick.Stop()
	samples, at := server.Stats().Samples, time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		latest, err := readHostValues(ctx, reader, host)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		stats, now := server.Stats(), time.Now()
		rate := float64(stats.Samples-samples) / now.Sub(at).Seconds()
		samples, at = stats.Samples, now
		if _, err := fmt.Fprintln(w, now.Format("15:04:05"), terminal.Line(formatPlainLine(latest, stats, rate))); err != nil {
			return err
		}
	}
}

// hostValues holds the newest values of a host by metric and by the entity that they describe.
type hostValues map[string]map[string]float64

// readHostValues reads the newest value of every series of a host.
func readHostValues(ctx context.Context, r *tsread.Reader, host string) (hostValues, error) {
	all, err := r.Latest(ctx, tsread.Equal("host", host), tskey.NameLabel+"!=")
	values := hostValues{}
	for _, d := range all {
		entity := d.Labels["core"] + d.Labels["iface"] // a series has at most one of them
		if values[d.Name()] == nil {
			values[d.Name()] = map[string]float64{}
		}
		values[d.Name()][entity] = d.Samples[0].Value
	}
	return values, err
}

// get returns a value, or [units.Missing]. Metrics of the host itself have the entity "".
func (v hostValues) get(metric, entity string) float64 {
	if value, ok := v[metric][entity]; ok {
		return value
	}
	return units.Missing
}

// sum returns the sum of a metric without the loopback interface, or [units.Missing].
func (v hostValues) sum(metric string) float64 {
	sum := units.Missing
	for entity, value := range v[metric] {
		switch {
		case entity == "lo":
		case math.IsNaN(sum):
			sum = value
		default:
			sum += value
		}
	}
	return sum
}

// formatPlainLine formats the most important values in one line.
func formatPlainLine(v hostValues, stats embedded.Stats, rate float64) string {
	return fmt.Sprintf("cpu %s  mem %s (%s)  load %s  net in %s out %s  |  %d series, %.0f samples/s",
		units.Percent(v.get("cpu_usage_active", "cpu-total")), units.Percent(v.get("mem_used_percent", "")), units.Bytes(v.get("mem_used", "")),
		units.Number(v.get("system_load1", "")), units.Format(v.sum("net_rx_bytes_rate"), "bytes_per_second"),
		units.Format(v.sum("net_tx_bytes_rate"), "bytes_per_second"), stats.Series, rate)
}

// exampleCommands returns lines with commands for the user to try with a client of the embedded Redis.
func exampleCommands(addr, host, passwordFile string) []string {
	cli := redisCLICommand(addr)
	var lines []string
	if passwordFile != "" {
		lines = append(lines, fmt.Sprintf("Password:   export REDISCLI_AUTH=\"$(cat %s)\"", quoteShellWord(passwordFile)))
	}
	return append(lines, fmt.Sprintf("Redis:      %s TS.GET %s", cli, quoteShellWord(host+":mem_used")))
}

// quoteShellWord quotes a text for POSIX shells unless it is a plain word, because users copy these lines into a shell.
func quoteShellWord(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+,", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
