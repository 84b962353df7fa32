//go:build !core

package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/connections"
)

// noStatus is what the command status prints if it knows nothing.
const noStatus = "no data"

func (a *App) statusCommand(c *commonFlags) *cobra.Command {
	var f eventsFlags
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print one line about connections, for a shell prompt",
		Long: `Prints the connections that are open now, and those that were opened and the alerts that were raised since midnight:

  3 active, 120 opened today, 1 alert today

For a prompt, it never fails: whatever is missing (a configuration, the file, Redis, an event), it prints "no data" and exits with 0. With --debug
it prints the reason to standard error. If not all events of a day can be read from Redis in time, it prints "at least 1200 opened today". A file has
the numbers ready.`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			text, err := a.describeStatus(ctx, *c, f)
			if err != nil && c.debug {
				fmt.Fprintln(a.Stderr, err)
			}
			_, err = fmt.Fprintln(a.Stdout, text)
			return runtimeFailure(err)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", time.Second, "how long to read at most")
	f.addTo(cmd)
	return cmd
}

// describeStatus returns the line, also after an error. It prints no warnings about the configuration.
func (a *App) describeStatus(ctx context.Context, c commonFlags, f eventsFlags) (string, error) {
	quiet := *a
	if !c.debug {
		quiet.Stderr = io.Discard
	}
	reader, _, err := quiet.newEventReader(ctx, c, f, true)
	if err != nil {
		return noStatus, err
	}
	store := connections.NewStore(reader)
	defer func() { _ = store.Close() }()
	s, err := store.ReadStatus(ctx, time.Now())
	switch {
	case err != nil || s.Empty:
		return noStatus, err
	case s.IsPartial:
		return fmt.Sprintf("at least %d opened today, %s today", s.Opened, pluralize(int(s.Alerts), "alert")), nil
	}
	return fmt.Sprintf("%d active, %d opened today, %s today", s.Active, s.Opened, pluralize(int(s.Alerts), "alert")), nil
}
