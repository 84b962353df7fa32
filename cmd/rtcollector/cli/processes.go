//go:build !core

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/processes"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/procclass"
	"github.com/rtcollector/rtcollector/internal/proctable"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/internal/units"
)

func (a *App) processesCommand(c *commonFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "processes",
		Short: "Show the classes of processes, and which rule decides on them",
		Long: `Shows the groups and subgroups in which the inputs process_groups and process_top sort the processes of this host, and tries out a file with
classes of your own.

  rtcollector processes groups --group db                the groups and how their processes are recognized
  rtcollector processes explain 1234                     the class of a process, and the rule that decided
  rtcollector processes test --classes classes.yaml      all processes with a file of your own, and the names that it misses
  rtcollector processes snapshot host.tar.gz             record the processes, for --snapshot on another host`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.processesGroupsCommand(c), a.processesExplainCommand(c), a.processesTestCommand(c), a.processesTopCommand(c), a.processesSnapshotCommand())
	return cmd
}

// classFlags are the flags of commands that classify.
type classFlags struct {
	config   procclass.Config
	mode     string
	snapshot string
}

func (f *classFlags) addTo(cmd *cobra.Command) {
	f.config = procclass.DefaultConfig()
	flags := cmd.Flags()
	flags.StringVar(&f.config.File, "classes", "", "a `file` with classes of your own, as the setting of this name")
	flags.StringVar(&f.mode, "classes-mode", string(procclass.Merge), "merge: try your classes first, then those that are built in; replace: only yours")
	flags.StringVar(&f.snapshot, "snapshot", "", "a `file` that \"rtcollector processes snapshot\" wrote, instead of this host")
}

// loadRules returns the table that the flags describe. Without --classes and --classes-mode it is that of the configuration.
func (a *App) loadRules(cmd *cobra.Command, c commonFlags, f *classFlags) (*procclass.Rules, error) {
	if !cmd.Flags().Changed("classes") && !cmd.Flags().Changed("classes-mode") {
		if err := a.useConfiguredClasses(cmd.Context(), c, f); err != nil {
			return nil, err
		}
	} else if err := f.config.Mode.UnmarshalScalar(f.mode); err != nil {
		return nil, fmt.Errorf("--classes-mode %w", err)
	}
	if f.config.Mode == procclass.Replace && f.config.File == "" {
		return nil, errors.New("--classes-mode replace needs --classes")
	}
	rules, err := f.config.Load()
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	return rules, nil
}

// useConfiguredClasses takes the settings of the first input that classifies processes, if there is a configuration. One that nobody named
// need not be valid.
func (a *App) useConfiguredClasses(ctx context.Context, c commonFlags, f *classFlags) error {
	if c.config == "" && a.findConfig() == "" {
		return nil
	}
	cfg, path, err := a.load(ctx, c.config)
	if err != nil {
		if c.config == "" {
			fmt.Fprintf(a.Stderr, "warning: %v\nwarning: these are the classes that are built in, because the configuration has mistakes\n", err)
			return nil
		}
		return err
	}
	for _, in := range cfg.Inputs {
		if source, ok := in.Built.Config.(interface{ ClassSettings() *procclass.Config }); ok {
			f.config = *source.ClassSettings()
			fmt.Fprintf(a.Stderr, "with the settings of the input %s in %s\n", in.ID, path)
			return nil
		}
	}
	return nil
}

// withHost calls use with the host that the flags describe: this one, or a recorded one.
func (a *App) withHost(f *classFlags, use func(hostfs.Root) error) (err error) {
	if f.snapshot == "" {
		return use(a.hostRoot())
	}
	r, err := processes.Open(f.snapshot)
	if err != nil {
		return runtimeFailure(err)
	}
	defer func() { err = errors.Join(err, runtimeFailure(r.Close())) }()
	return use(r.Root)
}

func (a *App) hostRoot() hostfs.Root {
	return hostfs.FromEnv(func(name string) string { v, _ := a.Getenv(name); return v })
}

func (a *App) processesGroupsCommand(c *commonFlags) *cobra.Command {
	var f classFlags
	var group string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "groups",
		Short: "List groups and subgroups, and how their processes are recognized",
		Long: `Lists the groups and subgroups of processes. The first entry that matches a process decides; --verbose prints all entries in this order.

  rtcollector processes groups --group 'db*'
  rtcollector processes groups --classes classes.yaml --verbose

An entry in a file of your own looks like these:

  classes:
    - {group: web, subgroup: shop, unit: ["shop-*.service"]}
    - {group: db, subgroup: orders, exe: [java], cmdline: ['com\.example\.Orders']}

Each key has a list, of which one item must match; all keys of an entry must match, with name, exe and comm as one:
  name       program, comm, or the script that an interpreter runs; exact, a glob, or ~ and a regular expression
  exe, comm  only the base name of the program, or only the kernel's name of at most 15 bytes
  cmdline    regular expressions, found in the first 4096 bytes of the command line
  cgroup     globs for the path of the control group
  unit       globs for the systemd service or scope
  container  a runtime (docker, podman, containerd, cri-o, lxc, nspawn), the beginning of an id, or *`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rules, err := a.loadRules(cmd, *c, &f)
			if err != nil {
				return err
			}
			return a.printGroups(rules, group, verbose)
		},
	}
	f.addTo(cmd)
	cmd.Flags().StringVar(&group, "group", "", "only groups that match this `pattern`: a name, a glob, or ~ and a regular expression")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "all entries, and where they are")
	return cmd
}

func (a *App) printGroups(rules *procclass.Rules, group string, verbose bool) error {
	wanted, err := parseGroup(group, rules)
	if err != nil {
		return err
	}
	if verbose {
		return a.printEntries(rules, wanted)
	}
	tw := tabwriter.NewWriter(a.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "GROUP\tSUBGROUP\tENTRIES\tRECOGNIZED BY")
	type line struct {
		class   procclass.Class
		entries int
		first   string
	}
	var lines []line
	position := map[procclass.Class]int{}
	for i := range rules.All() {
		r := &rules.All()[i]
		if !wanted(r.Group) {
			continue
		}
		at, known := position[r.Class]
		if !known {
			at = len(lines)
			position[r.Class] = at
			lines = append(lines, line{class: r.Class, first: r.Conditions()})
		}
		lines[at].entries++
	}
	slices.SortStableFunc(lines, func(a, b line) int { return strings.Compare(a.class.String(), b.class.String()) })
	for _, l := range lines {
		fmt.Fprintf(tw, "%s\t%s\t%d\t%s\n", l.class.Group, l.class.Subgroup, l.entries, nameText(l.first))
	}
	return runtimeFailure(tw.Flush())
}

func (a *App) printEntries(rules *procclass.Rules, wanted func(group string) bool) error {
	for i := range rules.All() {
		r := &rules.All()[i]
		if wanted(r.Group) {
			if _, err := fmt.Fprintf(a.Stdout, "%s: %s (%s)\n", r.Class, terminal.Line(r.Conditions()), terminal.Line(r.Source)); err != nil {
				return runtimeFailure(err)
			}
		}
	}
	return nil
}

// parseGroup returns a filter of groups.
func parseGroup(text string, rules *procclass.Rules) (func(group string) bool, error) {
	if text == "" {
		return func(string) bool { return true }, nil
	}
	var p match.Pattern
	if err := p.UnmarshalScalar(text); err != nil {
		return nil, fmt.Errorf("--group %w, not %q", err, text)
	}
	var groups []string
	for i := range rules.All() {
		groups = append(groups, rules.All()[i].Group)
	}
	if !slices.ContainsFunc(groups, p.Match) {
		return nil, fmt.Errorf("--group: no group matches %q%s", text, conf.Suggest(text, groups))
	}
	return p.Match, nil
}

func (a *App) processesExplainCommand(c *commonFlags) *cobra.Command {
	var f classFlags
	cmd := &cobra.Command{
		Use:   "explain PID",
		Short: "Show the class of a process, and the rule that decided",
		Long: `Shows what is known about a process, its class, the rule that decided, and the rules that would have decided without it.

  rtcollector processes explain 1234
  rtcollector processes explain 1234 --snapshot host.tar.gz

Credentials on the command line are not shown.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pid, err := processes.ParsePID(args[0])
			if err != nil {
				return err
			}
			rules, err := a.loadRules(cmd, *c, &f)
			if err != nil {
				return err
			}
			return a.withHost(&f, func(root hostfs.Root) error { return a.explainProcess(rules, root, pid) })
		},
	}
	f.addTo(cmd)
	return cmd
}

// maxShownCmdline is how much of a command line is printed, in bytes.
const maxShownCmdline = 2000

func (a *App) explainProcess(rules *procclass.Rules, root hostfs.Root, pid int) error {
	p, err := processes.Read(root, pid)
	if errors.Is(err, processes.ErrGone) {
		return runtimeFailure(fmt.Errorf("there is no process %d; \"rtcollector processes test --verbose\" lists all", pid))
	}
	if err != nil {
		return runtimeFailure(err)
	}
	tw := tabwriter.NewWriter(a.Stdout, 0, 4, 2, ' ', 0)
	line := func(key, value string) {
		if value == "" {
			value = "–"
		}
		fmt.Fprintf(tw, "%s\t%s\n", key, terminal.Line(value))
	}
	s := &p.Subject
	line("pid", fmt.Sprint(p.PID))
	line("parent", fmt.Sprint(p.Parent))
	line("comm", s.Comm)
	line("program", knownOr(s.Exe, p.Failures, "exe"))
	line("command line", knownOr(p.Cmdline(maxShownCmdline), p.Failures, "cmdline"))
	line("user", knownOr(proctable.NewUsers(root).Name(p.UID), nil, ""))
	line("control group", knownOr(s.Place.Path, p.Failures, "cgroup"))
	line("unit", s.Place.Unit)
	line("container", strings.TrimSpace(s.Place.Container+" "+s.Place.Runtime))
	line("class", rules.Classify(s).String())
	if !rules.Wants(rules.Classify(s)) {
		line("reported", "no: the filters of the configuration leave this class out")
	}
	matching := rules.Matches(s)
	switch {
	case s.Kernel:
		line("decided by", "it is a thread of the kernel")
	case len(matching) == 0:
		line("decided by", "no rule matches")
	default:
		for i, r := range matching {
			key := "would match too"
			if i == 0 {
				key = "decided by"
			}
			line(key, fmt.Sprintf("%s: %s (%s)", r.Class, cutText(r.Conditions()), r.Source))
		}
	}
	return runtimeFailure(tw.Flush())
}

// knownOr returns a text, or why it is not known.
func knownOr(text string, failures []processes.Failure, file string) string {
	for _, f := range failures {
		if text == "" && f.File == file {
			return "unknown: " + f.Reason
		}
	}
	return text
}

// cutText cuts a text that is longer than a line or two.
func cutText(text string) string {
	const most = 200
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

type processesTestFlags struct {
	classFlags
	scans   int
	verbose bool
}

func (a *App) processesTestCommand(c *commonFlags) *cobra.Command {
	var f processesTestFlags
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Classify all processes now, and print what was found, missed and unreadable",
		Long: `Reads and classifies all processes. It prints the groups and subgroups with processes, memory and CPU time, the names that no class matches,
files that could not be read, and how long it took. Memory that processes share counts for each of them.

  rtcollector processes test -n 5
  rtcollector processes test --classes classes.yaml --verbose`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.scans < 1 || f.scans > maxScans {
				return fmt.Errorf("-n must be from 1 to %d", maxScans)
			}
			rules, err := a.loadRules(cmd, *c, &f.classFlags)
			if err != nil {
				return err
			}
			return a.withHost(&f.classFlags, func(root hostfs.Root) error { return a.testProcesses(cmd.Context(), rules, root, f) })
		},
	}
	f.addTo(cmd)
	cmd.Flags().IntVarP(&f.scans, "scans", "n", 1, "how `often` to read all processes")
	cmd.Flags().BoolVar(&f.verbose, "verbose", false, "also each process with its class, and all names that no class matches")
	return cmd
}

// maxScans bounds the option -n.
const maxScans = 10_000

func (a *App) testProcesses(ctx context.Context, rules *procclass.Rules, root hostfs.Root, f processesTestFlags) error {
	var list []processes.Process
	var classes []procclass.Class
	times := make([]scanTime, f.scans)
	for i := range times {
		began := time.Now()
		var err error
		if list, err = processes.Scan(ctx, root); err != nil {
			return runtimeFailure(err)
		}
		times[i].reading = time.Since(began)
		began = time.Now()
		classes = classes[:0]
		for j := range list {
			classes = append(classes, rules.Classify(&list[j].Subject))
		}
		times[i].classifying = time.Since(began)
	}
	p := &reportPrinter{w: a.Stdout}
	all := len(list)
	list, classes = keepWanted(rules, list, classes)
	if f.verbose {
		p.printProcesses(list, classes, proctable.NewUsers(root))
	}
	p.printSummary(processes.Summarize(list, classes), f.verbose)
	if left := all - len(list); left > 0 {
		p.printf("\nleft out by the filters of the configuration: %s\n", pluralizeProcesses(left))
	}
	p.printScanTimes(times)
	return runtimeFailure(p.err)
}

func pluralizeProcesses(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}

// keepWanted returns the processes that the filters let pass, and their classes.
func keepWanted(rules *procclass.Rules, list []processes.Process, classes []procclass.Class) ([]processes.Process, []procclass.Class) {
	kept := 0
	for i := range list {
		if rules.Wants(classes[i]) {
			list[kept], classes[kept] = list[i], classes[i]
			kept++
		}
	}
	return list[:kept], classes[:kept]
}

// scanTime is how long one scan took.
type scanTime struct{ reading, classifying time.Duration }

// printTable prints lines whose columns are separated by tabs.
func (p *reportPrinter) printTable(header string, print func(w io.Writer)) {
	tw := tabwriter.NewWriter(p.w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, header)
	print(tw)
	if err := tw.Flush(); p.err == nil {
		p.err = err
	}
}

func (p *reportPrinter) printProcesses(list []processes.Process, classes []procclass.Class, users *proctable.Users) {
	p.printTable("PID\tUSER\tNAME\tCLASS\tUNIT\tCONTAINER\tCOMMAND LINE", func(w io.Writer) {
		for i := range list {
			one := &list[i]
			place := &one.Subject.Place
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", one.PID, nameText(users.Name(one.UID)), nameText(one.Name()), classes[i],
				dashIfEmpty(place.Unit), dashIfEmpty(shortContainer(place.Container)), dashIfEmpty(one.Cmdline(60)))
		}
	})
	p.printf("\n")
}

func dashIfEmpty(text string) string {
	if text == "" {
		return "–"
	}
	return nameText(text)
}

// shortContainer returns the beginning of an id, as container tools show it.
func shortContainer(id string) string { return id[:min(len(id), 12)] }

// shownUnknown is how many names without a class are printed.
const shownUnknown = 20

func (p *reportPrinter) printSummary(s processes.Summary, verbose bool) {
	sum := func(w io.Writer, first string, s processes.Sum) {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", first, s.Count, bytesText(s.RSS), durationText(s.CPU))
	}
	var whole processes.Sum
	p.printTable("GROUP\tSUBGROUP\tPROCESSES\tRSS\tCPU TIME", func(w io.Writer) {
		for _, c := range s.Classes {
			sum(w, c.Group+"\t"+c.Subgroup, c.Sum)
			whole.Count, whole.RSS, whole.CPU = whole.Count+c.Count, whole.RSS+c.RSS, whole.CPU+c.CPU
		}
		sum(w, "all\t", whole)
	})
	if len(s.Unknown) > 0 {
		p.printf("\n")
		shown := s.Unknown
		if !verbose {
			shown = shown[:min(len(shown), shownUnknown)]
		}
		p.printTable("WITHOUT A CLASS\tPROCESSES\tRSS\tCPU TIME", func(w io.Writer) {
			for _, n := range shown {
				sum(w, nameText(n.Name), n.Sum)
			}
		})
		if more := len(s.Unknown) - len(shown); more > 0 {
			p.printf("… and %d more (--verbose)\n", more)
		}
	}
	if len(s.Failures) > 0 {
		p.printf("\nnot readable: %s\n", failuresText(s.Failures))
	}
}

// failuresText describes files that could not be read: "exe of 12 processes (permission denied)".
func failuresText(list []processes.FailureSum) string {
	texts := make([]string, len(list))
	for i, f := range list {
		texts[i] = fmt.Sprintf("%s of %d (%s)", f.File, f.Count, f.Reason)
	}
	return strings.Join(texts, ", ")
}

func (p *reportPrinter) printScanTimes(times []scanTime) {
	p.printf("\n")
	text := func(d time.Duration) string { return units.Duration(d.Seconds()) }
	var whole time.Duration
	shortest, longest := times[0], times[0]
	for i, t := range times {
		if len(times) <= shownUnknown {
			p.printf("scan %d: read in %s, classified in %s\n", i+1, text(t.reading), text(t.classifying))
		}
		whole += t.reading + t.classifying
		if t.reading+t.classifying < shortest.reading+shortest.classifying {
			shortest = t
		}
		if t.reading+t.classifying > longest.reading+longest.classifying {
			longest = t
		}
	}
	if len(times) > 1 {
		p.printf("%s: mean %s, shortest %s, longest %s\n", pluralize(len(times), "scan"), text(whole/time.Duration(len(times))),
			text(shortest.reading+shortest.classifying), text(longest.reading+longest.classifying))
	}
}

func (a *App) processesSnapshotCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "snapshot FILE",
		Short: "Record all processes into a file, to classify them elsewhere",
		Long: `Records what the classification and the numbers need of all processes: names, command lines without credentials, control groups, memory, CPU
time and I/O, and the names of users. The file is a tar.gz that only you can read; an existing one is replaced when all is written. Without root,
what belongs to other users is partly left out.

  rtcollector processes snapshot host.tar.gz
  rtcollector processes test --snapshot host.tar.gz`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var done processes.Recorded
			err := replaceFile(args[0], func(w io.Writer) (err error) {
				done, err = processes.Record(cmd.Context(), a.hostRoot(), w)
				return err
			})
			if err != nil {
				return runtimeFailure(err)
			}
			p := &reportPrinter{w: a.Stdout}
			p.printf("recorded %s in %s\n", pluralizeProcesses(done.Processes), terminal.Line(args[0]))
			if len(done.Failures) > 0 {
				p.printf("left out: %s\n", failuresText(done.Failures))
			}
			return runtimeFailure(p.err)
		},
	}
}
