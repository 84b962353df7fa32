//go:build !core

package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/internal/terminal"
)

// healthTimeout is the limit of a health check. Docker and Kubernetes wait longer by default or can be told to.
const healthTimeout = 3 * time.Second

func (a *App) healthCommand(c *commonFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "health",
		Short: "Exit with status 0 if the agent of this configuration answers, for health checks of containers",
		Long: `Asks the running agent whether it is healthy, and exits with 0 or 1. It needs "health:" or "web:" in the configuration. Without both only
the configuration is checked. Redis is not asked: an agent that waits for Redis is healthy.`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.checkHealth(cmd.Context(), *c) },
	}
}

func (a *App) checkHealth(ctx context.Context, c commonFlags) error {
	cfg, _, err := a.load(ctx, c.config)
	if err != nil {
		return err
	}
	var address string
	var hasTLS bool
	switch {
	case cfg.Health != nil:
		address, hasTLS = cfg.Health.Address(), cfg.Health.TLS.Enabled()
	case cfg.Web != nil:
		address, hasTLS = cfg.Web.Address(), cfg.Web.TLS.Enabled()
	default:
		fmt.Fprintln(a.Stdout, `the configuration is right; to ask the agent itself, add "health: {}" to it`)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if err := askHealth(ctx, address, hasTLS); err != nil {
		return runtimeFailure(fmt.Errorf("health: %w", err))
	}
	fmt.Fprintf(a.Stdout, "the agent answers on %s\n", terminal.Line(address))
	return nil
}

// askHealth requests /health of the server that listens on an address of this machine. A server that wants a credential answers too.
func askHealth(ctx context.Context, address string, hasTLS bool) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if hasTLS {
		scheme = "https"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/health", nil)
	if err != nil {
		return err
	}
	// The certificate is for the names that others use. Nothing is sent that another server must not see.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}} //nolint:gosec // see above
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("%s answers with status %s", address, response.Status)
	}
	return nil
}
