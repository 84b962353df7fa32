package observe

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/units"
)

// maxListed is how many destinations a summary lists.
const maxListed = 200

// WriteSummary prints what was seen: totals, destinations and alerts. The writer escapes.
func (b *Board) WriteSummary(w io.Writer) error {
	totals, destinations := b.Read(ByDomain)
	var text strings.Builder
	fmt.Fprintf(&text, "%d connections, %d at once, %d failed", totals.Opened, totals.Peak, totals.Failed)
	if mean, ok := totals.MeanDuration(); ok {
		fmt.Fprintf(&text, ", mean duration %s", units.Duration(mean.Seconds()))
	}
	fmt.Fprintf(&text, ", %s sent, %s received\n", formatBytes(totals.Tx), formatBytes(totals.Rx))
	slices.SortStableFunc(destinations, func(a, b Group) int { return b.Opened + b.Failed - a.Opened - a.Failed })
	for _, d := range destinations[:min(len(destinations), maxListed)] {
		fmt.Fprintf(&text, "  %-40s %5d opened %5d failed  ↑%s ↓%s\n", strings.ReplaceAll(d.Name, "\n", " "), d.Opened, d.Failed, formatBytes(d.Tx), formatBytes(d.Rx))
	}
	if hidden := len(destinations) - maxListed; hidden > 0 {
		fmt.Fprintf(&text, "  … and %d more destinations\n", hidden)
	}
	for _, kind := range slices.Sorted(maps.Keys(totals.ByAlert)) {
		fmt.Fprintf(&text, "  ! %d alerts of kind %s\n", totals.ByAlert[kind], kind)
	}
	_, err := io.WriteString(w, text.String())
	return err
}
