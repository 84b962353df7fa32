package connections

import (
	"log/slog"

	"github.com/rtcollector/rtcollector/internal/remotename"
)

// openNames opens what finds the names of remote ends, or returns nil if there are to be none. Where names cannot be captured, it says so once
// and falls back to reverse look-ups.
func openNames(c *Config, log *slog.Logger) remotename.Namer {
	switch c.Domains {
	case domainsOff:
		return nil
	case domainsCapture:
		names, err := remotename.NewCapture(remotename.Options{})
		if err == nil {
			return names
		}
		log.Warn("names of remote ends are looked up, because they cannot be captured", "because", err)
	}
	return remotename.NewPTR(nil)
}
