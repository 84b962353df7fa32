//go:build windows

package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/rtcollector/rtcollector/internal/pause"
)

// eventID is the number of all our entries in the event log. Windows' EventCreate.exe, whose messages we use, has 1 to 1000.
const eventID = 1

func (w *WindowsService) config() mgr.Config {
	return mgr.Config{
		StartType: mgr.StartAutomatic, DelayedAutoStart: true, ErrorControl: mgr.ErrorNormal, ServiceType: windows.SERVICE_WIN32_OWN_PROCESS,
		DisplayName: windowsTitle, Description: w.description(), ServiceStartName: windowsAccount,
	}
}

// commandLine returns the command as the service manager stores it.
func (w *WindowsService) commandLine() string {
	return windows.ComposeCommandLine(append([]string{w.Binary}, w.Args...))
}

// open connects to the service manager and opens the service. The service is nil if there is none, and the error is ErrForeign if
// somebody else has made it. The caller closes both.
func (w *WindowsService) open() (*mgr.Mgr, *mgr.Service, mgr.Config, error) {
	m, err := mgr.Connect()
	if err != nil {
		return nil, nil, mgr.Config{}, fmt.Errorf("connect to the service manager: %w", explainWindows(err))
	}
	s, err := m.OpenService(Name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return m, nil, mgr.Config{}, nil
	}
	var present mgr.Config
	if err == nil {
		present, err = s.Config()
	}
	if err == nil && present.Description != w.description() {
		err = ErrForeign
	}
	if err != nil {
		if s != nil {
			_ = s.Close()
		}
		_ = m.Disconnect()
		return nil, nil, present, fmt.Errorf("service %s: %w; it is left alone", Name, explainWindows(err))
	}
	return m, s, present, nil
}

func (w *WindowsService) install(out io.Writer) error {
	m, s, present, err := w.open()
	if err != nil {
		return err
	}
	defer func() { _ = m.Disconnect() }()
	switch {
	case s == nil:
		s, err = m.CreateService(Name, w.Binary, w.config(), w.Args...)
		if err != nil {
			return fmt.Errorf("create the service %s: %w", Name, explainWindows(err))
		}
		fmt.Fprintf(out, "service %s is created\n", Name)
	case present.BinaryPathName == w.commandLine():
		fmt.Fprintf(out, "service %s is unchanged\n", Name)
	default:
		changed := w.config()
		changed.BinaryPathName = w.commandLine()
		if err := s.UpdateConfig(changed); err != nil {
			_ = s.Close()
			return fmt.Errorf("update the service %s: %w", Name, explainWindows(err))
		}
		fmt.Fprintf(out, "service %s is updated\n", Name)
		if err := stopService(s); err != nil {
			_ = s.Close()
			return err
		}
	}
	defer func() { _ = s.Close() }()
	var actions []mgr.RecoveryAction
	for _, delay := range restartDelays() {
		actions = append(actions, mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: delay})
	}
	const forgetAfter = 24 * 60 * 60 // seconds after which failures are counted from the beginning
	if err := errors.Join(s.SetRecoveryActions(actions, forgetAfter), s.SetRecoveryActionsOnNonCrashFailures(true)); err != nil {
		return fmt.Errorf("set what happens when the service fails: %w", explainWindows(err))
	}
	if l, err := eventlog.Open(Name); err == nil { // succeeds also without a source; it is registered if it is not there
		_ = l.Close()
	}
	_ = eventlog.InstallAsEventCreate(Name, eventlog.Info|eventlog.Warning|eventlog.Error) // fails if it is registered already
	if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
		return fmt.Errorf("start the service %s: %w", Name, explainWindows(err))
	}
	fmt.Fprintf(out, "service %s is started\n", Name)
	return nil
}

func (w *WindowsService) uninstall(out io.Writer) error {
	m, s, _, err := w.open()
	if err != nil {
		return err
	}
	defer func() { _ = m.Disconnect() }()
	if s == nil {
		fmt.Fprintln(out, "the service is not installed: nothing to do")
		return nil
	}
	defer func() { _ = s.Close() }()
	if err := stopService(s); err != nil {
		return err
	}
	if err := s.Delete(); err != nil {
		return fmt.Errorf("remove the service %s: %w", Name, explainWindows(err))
	}
	fmt.Fprintf(out, "service %s is removed\n", Name)
	if err := eventlog.Remove(Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the source %s of the event log: %w", Name, explainWindows(err))
	}
	return nil
}

// stopService stops the service if it runs, and waits until it has stopped.
func stopService(s *mgr.Service) error {
	if _, err := s.Control(svc.Stop); err != nil {
		if errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
			return nil
		}
		return fmt.Errorf("stop the service %s: %w", Name, explainWindows(err))
	}
	for deadline := time.Now().Add(stopPatience); time.Now().Before(deadline); pause.Sleep(context.Background(), 200*time.Millisecond) {
		if status, err := s.Query(); err == nil && status.State == svc.Stopped {
			return nil
		}
	}
	return fmt.Errorf("stop the service %s: it still runs after %v", Name, stopPatience)
}

func (w *WindowsService) find() (State, string, error) {
	m, s, _, err := w.open()
	switch {
	case errors.Is(err, ErrForeign):
		return Foreign, "service " + Name, nil
	case err != nil:
		return Absent, "", err
	}
	defer func() { _ = m.Disconnect() }()
	if s == nil {
		return Absent, "", nil
	}
	return Own, "service " + Name, s.Close()
}

func (w *WindowsService) isRunning() (bool, error) {
	m, s, _, err := w.open()
	if err != nil {
		return false, err
	}
	defer func() { _ = m.Disconnect() }()
	if s == nil {
		return false, nil
	}
	defer func() { _ = s.Close() }()
	status, err := s.Query()
	return status.State == svc.Running, err
}

func explainWindows(err error) error {
	if errors.Is(err, fs.ErrPermission) { // ERROR_ACCESS_DENIED
		return fmt.Errorf("%w; run it in a window that was opened with \"Run as administrator\"", err)
	}
	return err
}

// RunManaged runs the program for the service manager of Windows: it answers the manager, ends ctx when the service is to stop, and passes
// what is written to log on to the event log. Reload is called when the manager says that the settings of the service have changed
// (sc control rtcollector paramchange). RunManaged reports false, and does nothing, if this process is not a service.
func RunManaged(ctx context.Context, run func(ctx context.Context, log io.Writer) int, reload func()) (code int, isService bool) {
	if is, err := svc.IsWindowsService(); err != nil || !is {
		return 0, false
	}
	h := &handler{ctx: ctx, run: run, reload: reload}
	if l, err := eventlog.Open(Name); err == nil {
		defer func() { _ = l.Close() }()
		h.log = &eventLines{report: func(level logLevel, line string) {
			switch level {
			case levelError:
				_ = l.Error(eventID, line)
			case levelWarning:
				_ = l.Warning(eventID, line)
			default:
				_ = l.Info(eventID, line)
			}
		}}
	} else {
		h.log = io.Discard
	}
	if err := svc.Run(Name, h); err != nil {
		fmt.Fprintf(h.log, "the service manager of Windows: %v\n", err)
		return 1, true
	}
	return h.code, true
}

// handler implements svc.Handler.
type handler struct {
	ctx  context.Context
	run  func(ctx context.Context, log io.Writer) int
	log  io.Writer
	code int

	reload func()
}

// Execute implements svc.Handler.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, changes chan<- svc.Status) (isOurCode bool, code uint32) {
	ctx, stop := context.WithCancelCause(h.ctx)
	defer stop(nil)
	ended := make(chan int, 1)
	go func() { ended <- h.run(ctx, h.log) }()
	const accepted = svc.AcceptStop | svc.AcceptShutdown | svc.AcceptParamChange
	changes <- svc.Status{State: svc.Running, Accepts: accepted}
	for {
		select {
		case h.code = <-ended:
			return true, uint32(h.code)
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				changes <- r.CurrentStatus
			case svc.ParamChange:
				h.reload()
			case svc.Stop, svc.Shutdown:
				changes <- svc.Status{State: svc.StopPending, WaitHint: uint32(stopPatience / time.Millisecond)}
				stop(errors.New("the service manager stops the service"))
			}
		}
	}
}
