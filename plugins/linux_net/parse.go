package linuxnet

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// What is reported of an interface.
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

type counters [numCounters]uint64

type counter struct {
	name string
	unit telemetry.Unit
}

func counterNames() [numCounters]counter {
	return [numCounters]counter{
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

// Columns of /proc/net/dev behind the name: proc(5). Eight for what is received (bytes packets errs drop fifo frame
// compressed multicast), then those for what is sent (bytes packets errs drop …).
const (
	receiveColumns = 8
	usedColumns    = receiveColumns + 4
)

// parseInterface reads one line of /proc/net/dev. The two heading lines, and lines that are cut short, are not ok.
// The name ends at the last colon: old kernels print none of the blanks behind it, and alias names contain one.
func parseInterface(line []byte) (name []byte, c counters, ok bool) {
	colon := bytes.LastIndexByte(line, ':')
	if colon < 0 {
		return nil, c, false
	}
	name, _ = scan.Field(line[:colon])
	var columns [usedColumns]uint64
	if len(name) == 0 || scan.Uints(line[colon+1:], columns[:]) < usedColumns {
		return nil, c, false
	}
	copy(c[rxBytes:txBytes], columns[:4])
	copy(c[txBytes:], columns[receiveColumns:])
	return name, c, true
}
