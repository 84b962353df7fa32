package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
)

// lookTime is how long a service may take to answer.
const lookTime = 3 * time.Second

func (a *App) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Print a configuration for this host: what it can measure, and the services that answer",
		Long: `Prints a configuration for this host. It gathers once from every input of the system, and asks at the usual places for Docker, databases and web
servers. What answers is in the configuration; the rest is there as comments, with the reason. Nothing is written to any service.

  rtcollector init > config.yaml`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runInit(cmd.Context()) },
	}
}

// candidate is a service that may run on this host.
type candidate struct {
	input    string
	settings []string // lines of YAML
}

// candidates are the usual places of services. The first that answers is taken, for each input.
func candidates() []candidate {
	return []candidate{
		{"docker", []string{"endpoint: unix:///var/run/docker.sock"}},
		{"docker", []string{"endpoint: unix:///run/podman/podman.sock"}},
		{"postgres", []string{"host: /var/run/postgresql"}},
		{"postgres", []string{"host: 127.0.0.1"}},
		{"mariadb", []string{"socket: /run/mysqld/mysqld.sock"}},
		{"mariadb", []string{"host: 127.0.0.1"}},
		{"redis", []string{"host: 127.0.0.1"}},
		{"nginx", []string{"status_url: http://127.0.0.1/nginx_status"}},
		{"nginx", []string{"status_url: http://127.0.0.1/stub_status"}},
		{"apache", []string{"status_url: http://127.0.0.1/server-status?auto"}},
		{"prometheus", []string{"url: http://127.0.0.1:9100/metrics # node_exporter"}},
		{"prometheus", []string{"url: http://127.0.0.1:9182/metrics # windows_exporter"}},
	}
}

// answer is what became of a candidate, or of an input of the system.
type answer struct {
	candidate
	samples int
	err     error
}

func (a *App) runInit(ctx context.Context) error {
	fmt.Fprintln(a.Stderr, "looking at what this host can measure, and for services; this takes a few seconds")
	answers, err := a.lookAround(ctx)
	if err != nil {
		return err
	}
	_, err = a.Stdout.Write(a.renderInit(answers, a.findRedis(ctx)))
	return err
}

// lookAround gathers from the inputs of the system and from all candidates at once.
func (a *App) lookAround(ctx context.Context) ([]answer, error) {
	var asked []candidate
	for _, d := range a.Inputs.For(a.GOOS) {
		if d.Starts(a.GOOS) {
			asked = append(asked, candidate{input: d.Name()})
		}
	}
	for _, c := range candidates() {
		if _, err := a.Inputs.Find("input", c.input, a.GOOS); err == nil {
			asked = append(asked, c)
		}
	}
	var text bytes.Buffer
	text.WriteString("inputs:\n")
	for i, c := range asked {
		fmt.Fprintf(&text, "  - %s:\n      alias: %q\n      timeout: %s\n", c.input, aliasOf(i), lookTime)
		for _, line := range c.settings {
			fmt.Fprintf(&text, "      %s\n", line)
		}
	}
	text.WriteString("outputs: [stdout]\n")
	ag, err := a.agentFor(ctx, text.Bytes())
	if err != nil {
		return nil, err
	}
	answers := make([]answer, len(asked))
	for i, c := range asked {
		answers[i].candidate = c
	}
	ctx, cancel := context.WithTimeout(ctx, 2*lookTime)
	defer cancel()
	for _, g := range ag.Once(ctx, gatherPause) {
		for i := range answers {
			if strings.HasSuffix(g.ID, "#"+aliasOf(i)) {
				answers[i].record(g)
			}
		}
	}
	return answers, nil
}

func aliasOf(i int) string { return fmt.Sprintf("look%d", i) }

func (n *answer) record(g agent.Gathered) {
	n.err = g.Err
	if g.Batch != nil {
		n.samples = g.Batch.Len()
	}
}

// agentFor builds an agent that logs nothing.
func (a *App) agentFor(ctx context.Context, text []byte) (*agent.Agent, error) {
	cfg, err := config.Parse(ctx, "init", text, a.configEnv())
	if err != nil {
		return nil, &failure{exitFailed, err}
	}
	ag, err := agent.New(a.describeAgent(cfg, slog.New(slog.DiscardHandler), a.rawOut))
	return ag, runtimeFailure(err)
}

// isAbsent reports whether an error means that there is no such service here, rather than one that refuses us.
func isAbsent(err error) bool {
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial", errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, context.DeadlineExceeded):
		return true
	}
	return strings.Contains(err.Error(), "404") // a web server without this page
}

// findRedis looks for a Redis with TimeSeries on this host. It returns what answers, or why nothing does.
func (a *App) findRedis(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	ag, err := a.agentFor(ctx, []byte("inputs: []\noutputs: [redistimeseries: {host: 127.0.0.1}]\n"))
	if err != nil {
		return err.Error()
	}
	found := "no Redis answers here: change the address"
	for _, out := range ag.Outputs() {
		err := out.Open(ctx)
		inspector, ok := out.(outputs.Inspector)
		switch {
		case err != nil && !isAbsent(err):
			found = err.Error()
		case err == nil && ok:
			report := inspector.Inspect(ctx, nil)
			found = strings.Join(append(report.Faults, report.Notes...), "; ")
		}
		_ = out.Close()
	}
	return found
}

// renderInit returns the configuration.
func (a *App) renderInit(answers []answer, redis string) []byte {
	var b bytes.Buffer
	host, _ := os.Hostname()
	fmt.Fprintf(&b, "# rtcollector on %s (%s), from \"rtcollector init\".\n", comment(host), a.GOOS)
	b.WriteString("# \"rtcollector check --config FILE --connect\" shows what it costs; \"rtcollector plugins show NAME\" documents an input.\n")
	b.WriteString("interval: 10s\ncounters: moving # counters that never change have no series; all: every counter\n\ninputs:\n")
	b.WriteString("  # Without \"metrics\" an input writes all its metrics.\n")
	var found, refused, silent []answer
	offered := map[string]bool{}
	for _, n := range answers {
		switch {
		case len(n.settings) == 0 && n.samples > 0:
			b.WriteString(a.starterOf(n.input))
			offered[n.input] = true
		case len(n.settings) == 0:
			silent = append(silent, n)
		case n.err == nil && n.samples > 0 && !offered[n.input]:
			found = append(found, n)
			offered[n.input] = true
		case n.err != nil && !isAbsent(n.err):
			refused = append(refused, n)
		}
	}
	if len(found) > 0 {
		b.WriteString("  # These services answer:\n")
	}
	for _, n := range found {
		fmt.Fprintf(&b, "  - %s: # %s\n      %s\n", n.input, a.summaryOf(n.input), strings.Join(n.settings, "\n      "))
	}
	refused = slices.DeleteFunc(refused, func(n answer) bool { return offered[n.input] })
	if len(refused) > 0 {
		b.WriteString("  # These services answer, but need more settings:\n")
	}
	for _, n := range refused {
		if offered[n.input] {
			continue
		}
		offered[n.input] = true
		fmt.Fprintf(&b, "  # %s\n  # - %s: # %s\n  #     %s\n", comment(n.err.Error()), n.input, a.summaryOf(n.input), strings.Join(n.settings, "\n  #     "))
	}
	a.renderRest(&b, silent, offered)
	fmt.Fprintf(&b, "\noutputs:\n  # %s\n  - redistimeseries:\n      host: 127.0.0.1\n      port: 6379\n      retention: 7d\n", comment(redis))
	b.WriteString("      # compactions: [{every: 1h, keep: 1y, aggregations: [avg, max]}] # aggregates that are kept for longer\n")
	return b.Bytes()
}

// renderRest lists what is not in the configuration.
func (a *App) renderRest(b *bytes.Buffer, silent []answer, offered map[string]bool) {
	if len(silent) > 0 {
		b.WriteString("  # These found nothing on this host:\n")
	}
	for _, n := range silent {
		offered[n.input] = true
		why := ""
		if n.err != nil {
			why = ": " + comment(n.err.Error())
		}
		fmt.Fprintf(b, "  # - %s # %s%s\n", n.input, a.summaryOf(n.input), why)
	}
	b.WriteString("  # These were not found, or need settings; \"rtcollector plugins sample NAME\" shows an example:\n")
	for _, d := range a.Inputs.For(a.GOOS) {
		if d.Runs(a.GOOS) && !offered[d.Name()] {
			fmt.Fprintf(b, "  # - %s # %s\n", d.Name(), d.Summary())
		}
	}
}

// starterOf returns the block of an input of the system.
func (a *App) starterOf(name string) string {
	d, err := a.Inputs.Find("input", name, a.GOOS)
	if err != nil {
		return ""
	}
	return formatStarterBlock(d.Starter(), d.Summary())
}

func (a *App) summaryOf(name string) string {
	d, err := a.Inputs.Find("input", name, a.GOOS)
	if err != nil {
		return ""
	}
	return d.Summary()
}

// comment makes a text fit for a comment: one line, without control characters, not too long.
func comment(text string) string {
	const longest = 200
	line := []rune(terminal.Line(strings.Join(strings.Fields(text), " ")))
	if len(line) > longest {
		line = append(line[:longest], '…')
	}
	return string(line)
}
