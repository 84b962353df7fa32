package logquery

import "github.com/rtcollector/rtcollector/internal/proclog"

// Hidden returns the sources whose events are not lines of a log, unless a query names sources: snapshots of processes, of which each process
// is an event, would push all lines away.
func Hidden(sources []string) []string {
	if len(sources) > 0 {
		return nil
	}
	return []string{proclog.Source}
}
