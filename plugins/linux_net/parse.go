package linuxnet

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Counters of an interface that are reported.
const (
	rxBytes = iota
	rxPackets
	rxErrs
	rxDrop
	txBytes
	txPackets
	txErrs
	txDrop
	numCounters
)

type counterValues [numCounters]uint64

// counterMetric is the metric of a counter.
type counterMetric struct {
	name string
	unit telemetry.Unit
}

func counterMetrics() [numCounters]counterMetric {
	return [numCounters]counterMetric{
		rxBytes:   {"net_rx_bytes", telemetry.Bytes},
		rxPackets: {"net_rx_packets", telemetry.Packets},
		rxErrs:    {"net_rx_errs", telemetry.Packets},
		rxDrop:    {"net_rx_drop", telemetry.Packets},
		txBytes:   {"net_tx_bytes", telemetry.Bytes},
		txPackets: {"net_tx_packets", telemetry.Packets},
		txErrs:    {"net_tx_errs", telemetry.Packets},
		txDrop:    {"net_tx_drop", telemetry.Packets},
	}
}

// Columns of /proc/net/dev after the name (proc(5)): eight for what is received (bytes packets errs drop fifo frame
// compressed multicast), then those for what is sent (bytes packets errs drop …).
const (
	receiveColumns = 8
	usedColumns    = receiveColumns + 4
)

// parseInterface parses one line of /proc/net/dev. ok is false for the two heading lines and for truncated lines. The
// name ends at the last colon: old kernels print no blank after it, and alias names contain a colon.
func parseInterface(line []byte) (name []byte, c counterValues, ok bool) {
	colon := bytes.LastIndexByte(line, ':')
	if colon < 0 {
		return nil, c, false
	}
	name, _ = scan.CutField(line[:colon])
	var columns [usedColumns]uint64
	if len(name) == 0 || scan.ParseUints(line[colon+1:], columns[:]) < usedColumns {
		return nil, c, false
	}
	copy(c[rxBytes:txBytes], columns[:4])
	copy(c[txBytes:], columns[receiveColumns:])
	return name, c, true
}
