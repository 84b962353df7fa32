package docker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// requestContainers lists the containers and requests details and statistics of the selected ones. It stores the results in in.jobs.
func (in *input) requestContainers(ctx context.Context, now time.Time) error {
	query := ""
	if in.config.includesStopped() {
		query = "all=true"
	}
	in.jobs = in.jobs[:0]
	list, err := requestJSON[[]listedContainer](ctx, in.daemon.listClient, in.daemon.versionedPath("/containers/json"), query, maxList, "a list of containers")
	if err != nil {
		return err
	}
	clear(in.names)
	for i := range *list {
		l := &(*list)[i]
		name := l.name()
		if name == "" || in.names[name] || !in.config.includesContainer(name, l) {
			continue
		}
		if len(in.jobs) == maxContainers {
			return fmt.Errorf("%s lists more than %d containers: choose some with container_name_include", in.daemon.listClient, maxContainers)
		}
		in.names[name] = true
		in.jobs = append(in.jobs, job{container: in.containers.Get(name), listed: l})
	}
	in.runJobs(ctx, now)
	return nil
}

// maxContainers bounds the requests of one gather. A larger host must select containers.
const maxContainers = 5000

// runJobs runs the jobs over several connections.
func (in *input) runJobs(ctx context.Context, now time.Time) {
	var next atomic.Int64
	var all crew.Crew
	for _, w := range in.daemon.containerClients(len(in.jobs), in.config.MaxWorkers) {
		all.Go(func() {
			for i := next.Add(1); i <= int64(len(in.jobs)); i = next.Add(1) {
				j := &in.jobs[i-1]
				j.err = j.sendRequests(ctx, w, in.daemon.versionedPath("/containers/"+j.listed.ID), now)
			}
		})
	}
	all.Wait()
}

// sendRequests requests the details of a container if they are stale, and its statistics if it runs.
func (j *job) sendRequests(ctx context.Context, w *client, path string, now time.Time) error {
	if ctx.Err() != nil {
		return w.Explain(ctx.Err())
	}
	var err error
	if j.isStale(j.listed, now) {
		if err = j.requestDetails(ctx, w, path); j.gone || ctx.Err() != nil {
			return err
		}
	}
	if j.listed.State == "running" || j.listed.State == "paused" {
		err = errors.Join(err, j.requestStats(ctx, w, path))
	}
	return err
}

// requestStats requests statistics.
func (j *job) requestStats(ctx context.Context, w *client, path string) error {
	page, err := w.getPage(ctx, path+"/stats", statsQuery, maxReply)
	var refused *httpx.StatusError
	switch {
	case errors.As(err, &refused):
		return j.explainNoStats(ctx, w, path, err)
	case err != nil:
		return err
	case len(page) == 0: // Podman, for a container that has ended
		return nil
	}
	s, err := decodeWithinBudget[stats](w, page, "the statistics of a container")
	if err != nil {
		return err
	}
	if !s.Read.IsZero() {
		j.stats = s
	}
	return nil
}

func (j *job) requestDetails(ctx context.Context, w *client, path string) error {
	details, err := requestJSON[containerDetails](ctx, w, path+"/json", "", maxReply, "the details of a container")
	if hasStatusCode(err, http.StatusNotFound) {
		j.gone = true
		return nil
	}
	if err == nil {
		j.fresh = details
	}
	return err
}

// explainNoStats returns why there are no statistics: nil if the container has ended since it was listed.
func (j *job) explainNoStats(ctx context.Context, w *client, path string, refused error) error {
	if err := j.requestDetails(ctx, w, path); err != nil {
		return err
	}
	if !j.gone && j.fresh.State.Running {
		return refused
	}
	return nil
}

// name returns the name of the container.
func (c *container) name() string { return c.labels[len(c.labels)-1].Value }

// maxErrors bounds how many containers' errors are reported.
const maxErrors = 3

func (in *input) addContainers(out *telemetry.Batch) error {
	in.containers.Sweep(out)
	var errs []error
	failed := 0
	for i := range in.jobs {
		j := &in.jobs[i]
		if j.err != nil {
			if failed++; failed <= maxErrors {
				errs = append(errs, fmt.Errorf("container %s: %w", j.name(), j.err))
			}
		}
		if !j.gone {
			j.addSamples(out, in.daemon.windows)
		}
	}
	if failed > maxErrors {
		errs = append(errs, fmt.Errorf("and %d more containers cannot be read", failed-maxErrors))
	}
	return errors.Join(errs...)
}
