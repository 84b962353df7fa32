//go:build !core

package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/plugins"
)

const (
	// functionPatience is how long plugins may take to say what can be called.
	functionPatience = 30 * time.Second
	// functionListTime is how long the list waits for plugins.
	functionListTime = 5 * time.Second
)

func (a *App) functionCommand(c *commonFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "function [NAME [ARGUMENTS…]]",
		Short: "Call a function of a plugin of Netdata, or list them",
		Long: `Starts the plugins of the input netdata_plugins, calls a function of one of them, prints the answer and stops them. Without a name it lists
the functions that are known after five seconds. The exit code is 0 if the plugin answered with a status below 300. A running agent with "web:" in its
configuration calls functions of the plugins that already run: POST /api/functions.

  rtcollector function processes`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runFunction(cmd.Context(), *c, strings.Join(args, " "))
		},
	}
}

func (a *App) runFunction(ctx context.Context, c commonFlags, text string) error {
	cfg, _, err := a.load(ctx, c.config)
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if c.debug {
		log = newLog(a.rawErr, cfg, true)
	}
	described := a.describeAgent(cfg, log, a.rawOut)
	described.Outputs = nil // nothing is written
	ag, err := agent.New(described)
	if err != nil {
		return &failure{exitUsage, err}
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = ag.Run(ctx) // an input that does not stop in time changes nothing for the answer
	}()
	defer func() {
		stop()
		<-ended
	}()
	if text == "" {
		return a.listFunctions(ctx, ag)
	}
	return a.callFunction(ctx, ag, text)
}

func (a *App) listFunctions(ctx context.Context, ag *agent.Agent) error {
	pause.Sleep(ctx, functionListTime)
	found := ag.Functions()
	if len(found) == 0 {
		return runtimeFailure(errors.New("no plugin offers a function: is the input netdata_plugins in the configuration?"))
	}
	w := tabwriter.NewWriter(a.Stdout, 0, 4, 2, ' ', 0)
	for _, f := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\n", terminal.Line(f.Name), terminal.Line(f.Plugin), terminal.Line(f.Help))
	}
	return w.Flush()
}

// callFunction calls a function as soon as a plugin offers it.
func (a *App) callFunction(ctx context.Context, ag *agent.Agent, text string) error {
	patience, cancel := context.WithTimeout(ctx, functionPatience)
	defer cancel()
	answer, err := ag.Call(ctx, text)
	for errors.Is(err, plugins.ErrNoFunction) && patience.Err() == nil {
		pause.Sleep(patience, 100*time.Millisecond)
		answer, err = ag.Call(ctx, text)
	}
	if errors.Is(err, plugins.ErrNoFunction) {
		err = fmt.Errorf("no plugin offers the function %q; \"rtcollector function\" lists them", text)
	}
	if err != nil {
		return runtimeFailure(err)
	}
	if _, err := a.Stdout.Write(answer.Body); err != nil {
		return err
	}
	if answer.Code >= 300 {
		return runtimeFailure(fmt.Errorf("the plugin answered with status %d", answer.Code))
	}
	return nil
}
