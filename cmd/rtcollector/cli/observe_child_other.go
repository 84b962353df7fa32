//go:build !unix && !core

package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

// heldChild exists so that the command observe is there on every system, where it says that it cannot watch.
type heldChild struct{}

func newHeldChild([]string) (*heldChild, error)     { return nil, errors.ErrUnsupported }
func (*heldChild) pid() int                         { return 0 }
func (*heldChild) abandon()                         {}
func (*heldChild) run(context.Context) (int, error) { return 0, errors.ErrUnsupported }
func (a *App) releasedCommand() *cobra.Command {
	return &cobra.Command{Use: "exec-when-released", Hidden: true}
}
