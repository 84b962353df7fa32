package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"syscall"

	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/httpx"
)

// Limits of answers in bytes. A container takes 1 to 4 kB in the list, 2 to 5 kB in statistics and 5 to 20 kB when inspected.
const (
	maxList  = 16 << 20
	maxReply = 1 << 20
	maxSwarm = 16 << 20
	maxDisk  = 32 << 20
)

// client is one connection to the daemon.
type client struct {
	*httpx.Target
	memory *guard.Budget // for what is decoded during a gather, over all connections
}

// maxDecoded bounds the memory of all decoded answers of a gather, in bytes. That is enough for a few thousand containers.
const maxDecoded = 48 << 20

// decodeWithinBudget decodes an answer unless that would exceed the memory limit. What describes the answer in errors.
func decodeWithinBudget[T any](c *client, page []byte, what string) (*T, error) {
	if err := c.memory.Spend(guard.EstimateJSON(page)); err != nil {
		return nil, fmt.Errorf("%s %w: choose fewer containers with container_name_include", c, err)
	}
	reply, err := decodeJSON[T](page)
	if err != nil {
		return nil, c.Unexpected(page, what)
	}
	return reply, nil
}

// hasStatusCode reports whether err is an answer of the daemon with one of these status codes.
func hasStatusCode(err error, codes ...int) bool {
	var refused *httpx.StatusError
	if !errors.As(err, &refused) {
		return false
	}
	for _, code := range codes {
		if refused.Code == code {
			return true
		}
	}
	return false
}

// getPage requests a path. The result is valid until the next get.
func (c *client) getPage(ctx context.Context, path, query string, limit int64) ([]byte, error) {
	page, err := c.GetBelow(ctx, path, query, limit)
	var refused *httpx.StatusError
	switch {
	case err == nil:
		return page, nil
	case errors.As(err, &refused):
		return nil, c.describeRefusal(refused, path)
	}
	return nil, c.addAdvice(err)
}

// describeRefusal returns the error for an answer whose status is not 200. It contains the request and the daemon's reason.
func (c *client) describeRefusal(e *httpx.StatusError, path string) error {
	var reason struct{ Message string }
	text := fmt.Sprintf("%s answers %d %s to GET %s", c, e.Code, http.StatusText(e.Code), path)
	if json.Unmarshal(e.Body, &reason) == nil && reason.Message != "" {
		text += ": " + strconv.QuoteToGraphic(reason.Message[:min(len(reason.Message), 300)])
	}
	switch {
	case e.Code == http.StatusForbidden:
		text += ": allow it in the proxy in front of the daemon"
	case e.Code == http.StatusUnauthorized:
		text += ": set username and password, bearer_token, or a client certificate in tls"
	case e.Code == http.StatusNotFound && reason.Message == "":
		text += ": is it the endpoint of a Docker daemon?"
	}
	return &httpx.StatusError{Code: e.Code, Text: text}
}

// addAdvice adds advice to the error of a socket that does not exist or cannot be opened.
func (c *client) addAdvice(err error) error {
	switch {
	case c.Scheme != "unix":
		return err
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w (start Docker; Podman: systemctl enable --now podman.socket, and endpoint: unix:///run/podman/podman.sock; in a container, mount the socket)", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (usermod -aG docker, with the agent's user, and start it again)", err)
	}
	return err
}

// daemon is the API of a daemon, over several connections.
type daemon struct {
	api          int // minor version; 0: unknown
	windows      bool
	podman       bool
	listClient   *client   // for the list of containers
	engineClient *client   // for the engine and the Swarm
	workers      []*client // for single containers
	connect      func() *client
}

// determineAPI determines the version of the API.
func (d *daemon) determineAPI(ctx context.Context) error {
	if d.api > 0 {
		return nil
	}
	page, err := d.listClient.getPage(ctx, "/version", "", maxReply)
	if err != nil {
		return err
	}
	const what = "the version of a Docker daemon"
	v, err := decodeWithinBudget[version](d.listClient, page, what)
	if err != nil {
		return err
	}
	api, ok := v.negotiateAPI()
	if !ok {
		return d.listClient.Unexpected(page, what)
	}
	d.api, d.windows, d.podman = api, v.Os == "windows", v.isPodman()
	return nil
}

// versionedPath returns a path with the version of the API.
func (d *daemon) versionedPath(rest string) string { return "/v1." + strconv.Itoa(d.api) + rest }

// statsQuery requests statistics without delay. Daemons before API 1.41 ignore one-shot and take two seconds.
const statsQuery = "stream=false&one-shot=true"

// promptAPI is the API of Docker 25. Older daemons, except for the last releases of 23 and 24, deliver even one-shot statistics
// only when their own collector runs, once a second: https://github.com/moby/moby/pull/46448.
const promptAPI = 44

// waitsForCollector reports whether statistics come only once a second.
func (d *daemon) waitsForCollector() bool { return !d.podman && d.api < promptAPI }

// maxWaiting bounds how many requests wait for the collector of such a daemon.
const maxWaiting = 100

// containerClients returns the connections for requests about single containers. There are more than
// workers if the requests wait for the daemon's collector.
func (d *daemon) containerClients(containers, workers int) []*client {
	if d.waitsForCollector() {
		workers = max(workers, maxWaiting)
	}
	workers = min(containers, workers)
	for len(d.workers) < workers {
		d.workers = append(d.workers, d.connect())
	}
	return d.workers[:workers]
}

func (d *daemon) close() {
	d.listClient.Close()
	d.engineClient.Close()
	for _, w := range d.workers {
		w.Close()
	}
}

// requestJSON requests a path and decodes the answer. What describes the answer in errors.
func requestJSON[T any](ctx context.Context, c *client, path, query string, limit int64, what string) (*T, error) {
	page, err := c.getPage(ctx, path, query, limit)
	if err != nil {
		return nil, err
	}
	return decodeWithinBudget[T](c, page, what)
}
