package cli

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/selfstat"
)

// manager tells the service manager that has started us how we are, with the protocol of sd_notify(3). Without NOTIFY_SOCKET in the
// environment, it does nothing.
type manager struct {
	running atomic.Pointer[runningAgent] // nil before the agent runs
	warned  bool                         // only ping uses it
}

// runningAgent is what the manager watches.
type runningAgent struct {
	agent *agent.Agent
	self  *selfstat.Registry
	log   *slog.Logger
}

// readyAfter is how long the start of the service waits for a secret store. Then it is reported as started, so that the start of the
// machine does not wait for it.
const readyAfter = 20 * time.Second

func notify(states ...string) {
	_, _ = daemon.SdNotify(false, strings.Join(states, "\n")) // nobody could be told about the failure
}

// watchAgent starts to answer the watchdog of systemd, until the returned function is called. The service is ready when started is called,
// or after readyAfter.
func watchAgent(ctx context.Context) (m *manager, stop func()) {
	m = &manager{}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the watchdog also watches how the agent ends
	waiting := time.AfterFunc(readyAfter, func() {
		if m.running.Load() == nil {
			notify(daemon.SdNotifyReady, "STATUS=waiting for a secret store")
		}
	})
	if every, err := daemon.SdWatchdogEnabled(false); err == nil && every > 0 {
		go func() {
			for pause.Sleep(ctx, every/3) {
				m.ping(every)
			}
		}()
	}
	return m, func() {
		waiting.Stop()
		cancel()
	}
}

// started reports that the agent runs.
func (m *manager) started(ag *agent.Agent, ac agent.Config) {
	m.running.Store(&runningAgent{ag, ac.Self, ac.Log})
	notifyReady(summarizeParts(ac))
}

// summarizeParts returns the numbers of inputs and outputs.
func summarizeParts(ac agent.Config) string {
	return fmt.Sprintf("%s, %s", pluralize(len(ac.Inputs), "input"), pluralize(len(ac.Outputs), "output"))
}

// notifyReloading reports that a reload begins. notifyReady reports its end.
func notifyReloading() {
	notify(daemon.SdNotifyReloading, strings.TrimSpace(daemon.SdNotifyMonotonicUsec()), "STATUS=reading the configuration")
}

func notifyReady(status string) { notify(daemon.SdNotifyReady, "STATUS="+status) }

func notifyStopping() {
	notify(daemon.SdNotifyStopping, "STATUS=writing out the buffers")
}

// ping answers the watchdog, unless the schedule of the agent is late by as much as the watchdog allows: then systemd ends this process and
// starts it again.
func (m *manager) ping(tolerance time.Duration) {
	r := m.running.Load()
	if r == nil {
		notify(daemon.SdNotifyWatchdog)
		return
	}
	if ids := r.agent.Stalled(tolerance); len(ids) > 0 {
		if !m.warned {
			r.log.Error("the schedule is stuck, the watchdog of systemd will start the agent again", "late", strings.Join(ids, " "))
		}
		m.warned = true
		return
	}
	m.warned = false
	notify(daemon.SdNotifyWatchdog, "STATUS="+summarizeOutputs(r.self))
}

// summarizeOutputs returns one line about what became of the samples and events so far.
func summarizeOutputs(self *selfstat.Registry) string {
	var written, waiting, lost int64
	for _, o := range self.Outputs() {
		written += o.Written.Load()
		waiting += o.Samples.Size.Load()
		lost += o.Dropped.Load() + o.Rejected.Load()
	}
	return fmt.Sprintf("%d written, %d samples waiting, %d dropped or rejected", written, waiting, lost)
}
