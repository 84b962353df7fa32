package snapshots

import "github.com/rtcollector/rtcollector/internal/proclog"

// Row is a row as JSON has it. Texts that are empty and numbers that are unknown are left out.
type Row struct {
	Rank      int      `json:"rank"`
	PID       int      `json:"pid"`
	Parent    int      `json:"ppid,omitempty"`
	Start     float64  `json:"start,omitempty"`
	User      string   `json:"user,omitempty"`
	Name      string   `json:"name"`
	Cmdline   string   `json:"cmdline,omitempty"`
	Group     string   `json:"group,omitempty"`
	Subgroup  string   `json:"subgroup,omitempty"`
	Unit      string   `json:"unit,omitempty"`
	Container string   `json:"container,omitempty"`
	CPU       float64  `json:"cpu_percent"`
	RSS       *float64 `json:"rss_bytes,omitempty"`
	PSS       *float64 `json:"pss_bytes,omitempty"`
	Read      *float64 `json:"read_bytes_per_second,omitempty"`
	Write     *float64 `json:"write_bytes_per_second,omitempty"`
	Rx        *float64 `json:"rx_bytes_per_second,omitempty"`
	Tx        *float64 `json:"tx_bytes_per_second,omitempty"`
	Threads   int      `json:"threads,omitempty"`
}

// Encode returns rows as JSON has them. The start of a process is in a unit of which so many make a second: 1 for seconds, 1000 for
// milliseconds since 1970.
func Encode(rows []proclog.Row, perSecond float64) []Row {
	encoded := make([]Row, len(rows))
	for i := range rows {
		r := &rows[i]
		encoded[i] = Row{
			Rank: r.Rank, PID: r.PID, Parent: r.Parent, User: r.User, Name: r.Name, Cmdline: r.Cmdline, Group: r.Group, Subgroup: r.Subgroup,
			Unit: r.Unit, Container: r.Container, CPU: r.CPU, RSS: known(float64(r.RSS)), PSS: known(float64(r.PSS)), Read: known(r.Read),
			Write: known(r.Write), Rx: known(r.Rx), Tx: known(r.Tx), Threads: r.Threads,
		}
		if !r.Start.IsZero() {
			encoded[i].Start = float64(r.Start.UnixMilli()) / 1000 * perSecond
		}
	}
	return encoded
}

// known returns nil for a number that is unknown.
func known(v float64) *float64 {
	if v == proclog.Unknown {
		return nil
	}
	return &v
}
