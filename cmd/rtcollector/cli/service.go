package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/service"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

// outputDelay is how long a command may hold its output open after it has ended, as daemons do that it has started.
const outputDelay = time.Second

type serviceFlags struct {
	dryRun bool
	system string
	binary string
}

func (a *App) serviceCommand(c *commonFlags) *cobra.Command {
	var f serviceFlags
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Run the agent as a service of this system: install, uninstall, status",
		Long: `Runs the agent as a service of systemd, OpenRC, launchd, FreeBSD's rc.d or Windows, from now on and after each start of the machine.

  sudo rtcollector service install                                install, start, and start again after a change
  rtcollector service install --dry-run                           show the files and commands; changes nothing
  rtcollector service install --dry-run --system openrc           the same for another system
  sudo rtcollector service uninstall                              stop and remove; the configuration stays

Only files that this command has written are changed or removed. They have a line that says so.`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := cmd.PersistentFlags()
	flags.BoolVar(&f.dryRun, "dry-run", false, "show files and commands, and change nothing")
	flags.StringVar(&f.system, "system", "", "the `system` to show, with --dry-run: "+strings.Join(service.Systems(), ", ")+"; default: this one")
	flags.StringVar(&f.binary, "binary", "", "the `program` that the service runs; default: this one")
	cmd.AddCommand(
		&cobra.Command{
			Use: "install", Short: "Install the service and start it; restart it after a change", Args: rejectArguments,
			RunE: func(cmd *cobra.Command, _ []string) error { return a.installService(cmd.Context(), *c, f) },
		},
		&cobra.Command{
			Use: "uninstall", Short: "Stop the service and remove it; the configuration stays", Args: rejectArguments,
			RunE: func(cmd *cobra.Command, _ []string) error { return a.uninstallService(cmd.Context(), *c, f) },
		},
		&cobra.Command{
			Use: "status", Short: "Show whether the service is installed and runs: exit status 0 if it runs", Args: rejectArguments,
			RunE: func(cmd *cobra.Command, _ []string) error { return a.printServiceStatus(cmd.Context(), *c, f) },
		},
	)
	return cmd
}

// describeService returns the service that the flags and this machine ask for.
func (a *App) describeService(c commonFlags, f serviceFlags) (service.Definition, service.Settings, error) {
	own, err := service.Detect(a.GOOS)
	if err != nil && f.system == "" {
		return service.Definition{}, service.Settings{}, runtimeFailure(err)
	}
	if f.system != "" && f.system != own && !f.dryRun {
		return service.Definition{}, service.Settings{}, &failure{exitUsage, errors.New("--system: another system can only be shown: add --dry-run")}
	}
	system := cmp.Or(f.system, own)
	s := service.Defaults(system)
	if system == own {
		if s, err = a.ownSettings(s); err != nil {
			return service.Definition{}, s, runtimeFailure(err)
		}
	}
	for flag, path := range map[*string]string{&s.Binary: f.binary, &s.Config: c.config} {
		if path != "" && system == own {
			if path, err = filepath.Abs(path); err != nil {
				return service.Definition{}, s, runtimeFailure(err)
			}
		}
		*flag = cmp.Or(path, *flag)
	}
	d, err := service.Describe(system, s)
	if err != nil {
		return d, s, &failure{exitUsage, err}
	}
	return d, s, nil
}

// ownSettings returns the settings for this machine: this program, the first configuration for the whole system that exists, and the user
// that a package or a person has made for the agent.
func (a *App) ownSettings(s service.Settings) (service.Settings, error) {
	binary, err := os.Executable()
	if err != nil {
		return s, fmt.Errorf("find this program: %w", err)
	}
	s.Binary = binary
	if places := a.systemConfigs(); len(places) > 0 {
		s.Config = cmp.Or(firstFile(places), places[0])
	}
	if _, err := user.Lookup(service.Name); err == nil {
		s.User = service.Name
	}
	return s, nil
}

func (a *App) installService(ctx context.Context, c commonFlags, f serviceFlags) error {
	d, s, err := a.describeService(c, f)
	if err != nil {
		return err
	}
	obstacle := a.checkServiceSettings(ctx, d, s)
	if f.dryRun {
		service.Print(a.Stdout, d)
		if own, _ := service.Detect(a.GOOS); obstacle != nil && own == d.System {
			fmt.Fprintf(a.Stderr, "without --dry-run nothing would be installed, because:\n%v\n", obstacle)
		}
		return nil
	}
	if obstacle != nil {
		return obstacle
	}
	if err := service.Install(ctx, d, a.machine()); err != nil {
		return runtimeFailure(err)
	}
	fmt.Fprintf(a.Stdout, "rtcollector runs as a service, with %s\nlog: %s\n", terminal.Line(s.Config), d.Log)
	return nil
}

// checkServiceSettings returns why the service would not run with these settings.
func (a *App) checkServiceSettings(ctx context.Context, d service.Definition, s service.Settings) error {
	if service.IsTemporary(s.Binary) {
		return runtimeFailure(fmt.Errorf("%s is in a place for temporary files, where it may disappear; copy it first: sudo install -m 755 %s %s",
			s.Binary, s.Binary, service.Defaults(d.System).Binary))
	}
	if d.HasOwnUser {
		if err := service.CheckReadable(s.Binary, 0o005, s.User); err != nil {
			return runtimeFailure(err)
		}
	}
	env := a.configEnv()
	if d.Environment != "" {
		variables, err := service.ReadEnvironment(d.Environment)
		if errors.Is(err, fs.ErrPermission) {
			return runtimeFailure(fmt.Errorf("%w; run it as root, for example with sudo", err))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return runtimeFailure(err)
		}
		env.Getenv = func(name string) (string, bool) {
			value, ok := variables[name]
			return value, ok
		}
		// systemd gives credentials to the service only, and drop-ins may set further variables.
		env.CheckSecrets, env.AllowMissingSecrets = true, true
	}
	cfg, _, err := a.loadWith(ctx, s.Config, env)
	if err != nil && d.Environment != "" && strings.Contains(err.Error(), "environment variable") {
		return &failure{exitUsage, fmt.Errorf("%w\nthe service gets its variables from %s: set them there", err, d.Environment)}
	}
	if errors.Is(err, fs.ErrPermission) {
		return runtimeFailure(fmt.Errorf("%w; run it as root, for example with sudo", err))
	}
	if err != nil {
		return err
	}
	if _, _, err := a.newAgent(cfg, newLog(a.rawErr, cfg, false)); err != nil {
		return err
	}
	if d.HasOwnUser {
		return runtimeFailure(service.CheckReadable(s.Config, 0o004, s.User))
	}
	return nil
}

func (a *App) uninstallService(ctx context.Context, c commonFlags, f serviceFlags) error {
	d, s, err := a.describeService(c, f)
	if err != nil {
		return err
	}
	if f.dryRun {
		service.PrintRemoval(a.Stdout, d)
		return nil
	}
	if err := service.Uninstall(ctx, d, a.machine()); err != nil {
		return runtimeFailure(err)
	}
	fmt.Fprintf(a.Stdout, "the configuration stays: %s\n", terminal.Line(filepath.Dir(s.Config)))
	return nil
}

func (a *App) printServiceStatus(ctx context.Context, c commonFlags, f serviceFlags) error {
	d, _, err := a.describeService(c, f)
	if err != nil {
		return err
	}
	if f.dryRun {
		if d.Windows == nil {
			fmt.Fprintf(a.Stdout, "run: %s\n", d.Status)
		}
		return nil
	}
	state, place, err := service.Find(d, "")
	if err != nil {
		return runtimeFailure(err)
	}
	switch state {
	case service.Absent:
		fmt.Fprintln(a.Stdout, "not installed; install it with: rtcollector service install")
		return &failure{code: exitFailed}
	case service.Foreign:
		fmt.Fprintf(a.Stdout, "installed by a package or by hand: %s\n", place)
	case service.Own:
		fmt.Fprintf(a.Stdout, "installed: %s\n", place)
	}
	isRunning, err := service.IsRunning(ctx, d, a.machine())
	if err != nil {
		return runtimeFailure(err)
	}
	if !isRunning {
		fmt.Fprintf(a.Stdout, "does not run; the log says why: %s\n", d.Log)
		return &failure{code: exitFailed}
	}
	fmt.Fprintf(a.Stdout, "runs; log: %s\n", d.Log)
	return nil
}

func (a *App) machine() service.Machine { return service.Machine{Out: a.Stdout, Run: runSystemCommand} }

// runSystemCommand runs a command of the system. It does not use childproc, which would kill what the command starts: OpenRC's supervisor
// stays in the process group of rc-service.
func runSystemCommand(ctx context.Context, args []string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.WaitDelay = outputDelay
	out, err := cmd.CombinedOutput()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	if text := strings.TrimSpace(string(out)); text != "" {
		return fmt.Errorf("%w: %s", err, text)
	}
	return err
}
