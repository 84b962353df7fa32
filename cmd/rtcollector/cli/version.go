package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func (a *App) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  rejectArguments,
		Run: func(*cobra.Command, []string) {
			fmt.Fprintf(a.Stdout, "rtcollector %s %s/%s %s\n", a.Version, runtime.GOOS, runtime.GOARCH, runtime.Version())
		},
	}
}
