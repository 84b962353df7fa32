package vault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// maxServerText is the maximum size in bytes of a server's text in an error.
const maxServerText = 200

// explainUnreachable returns an error that says why there was no reply and what to do.
func (s *Store) explainUnreachable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err // the rest repeats the address
	}
	var lookup *net.DNSError
	var timeout net.Error
	why := "does not answer: check that it runs, and the network"
	switch advice := tlsx.Advice(err); {
	case advice != "":
		why = advice
	case errors.Is(err, http.ErrSchemeMismatch):
		why = "does not use TLS on this port: write http:// in url, or use its TLS port"
	case errors.Is(err, syscall.ECONNREFUSED):
		why = "cannot be reached: start it, or correct url"
	case errors.As(err, &lookup) && !lookup.IsTimeout:
		why = "cannot be found by name: correct url, or check the name server"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		why = fmt.Sprintf("did not answer within %v: check the network and its load", s.config.Timeout)
	}
	return secret.Unavailable(fmt.Errorf("vault %s %s: %w", s.address, why, err))
}

// explainRefusal returns an error for a reply that is neither a secret nor the message that there is none. See
// https://developer.hashicorp.com/vault/api-docs#http-status-codes.
func (s *Store) explainRefusal(r reply) error {
	text := s.serverText(r, nil)
	switch {
	case r.status == http.StatusBadRequest && strings.Contains(text, "HTTPS server"):
		return fmt.Errorf("vault %s requires TLS on this port: write https:// in url", s.address)
	case r.status == http.StatusServiceUnavailable && strings.Contains(text, "sealed"):
		return secret.Unavailable(fmt.Errorf("vault %s is sealed: unseal it (vault operator unseal)", s.address))
	case r.status == http.StatusTooManyRequests:
		return secret.Unavailable(fmt.Errorf("vault %s accepts no more requests for now (status 429): %s", s.address, text))
	case r.status >= 500, r.status == http.StatusPreconditionFailed, r.status == 472, r.status == 473:
		return secret.Unavailable(fmt.Errorf("vault %s has a problem (status %d): check its log: %s", s.address, r.status, text))
	case r.notVault:
		return fmt.Errorf("vault %s does not answer like a Vault (status %d): correct url: %s", s.address, r.status, text)
	}
	return fmt.Errorf("vault %s refuses to read %s%s (status %d): %s", s.address, r.path, s.describeNamespace(), r.status, text)
}

// explainMissing returns an error for a secret that was found under none of the paths for the versions of the engine. Policies usually
// grant the paths of one version, so a path that is readable but empty determines the error rather than a denied one.
func (s *Store) explainMissing(path string, missed []reply) error {
	var empty, denied []string
	for _, r := range missed {
		text := s.serverText(r, nil)
		switch {
		case strings.Contains(text, "namespace not found"):
			return secret.NotFound(fmt.Errorf("vault %s has no namespace %q: correct namespace", s.address, s.config.Namespace))
		case strings.Contains(text, "no handler for route"):
			return secret.NotFound(fmt.Errorf("vault %s has no secrets engine at %s/%s: correct mount or namespace (vault secrets list)",
				s.address, strings.Trim(s.config.Mount, "/"), s.describeNamespace()))
		case r.status == http.StatusForbidden:
			denied = append(denied, r.path)
		case isDestroyed(r):
			return secret.NotFound(fmt.Errorf("vault %s: the newest version of %s was destroyed and cannot be undeleted: write a new one (vault kv put -mount=%s %s %s=…)",
				s.address, r.path, strings.Trim(s.config.Mount, "/"), path, s.config.Field))
		case isDeleted(r):
			return secret.NotFound(fmt.Errorf("vault %s: the newest version of %s was deleted: undelete it (vault kv undelete), or write a new one", s.address, r.path))
		default:
			empty = append(empty, r.path)
		}
	}
	if len(empty) == 0 {
		return fmt.Errorf("vault %s does not allow the token to read %s%s: add to one of its policies: path %q { capabilities = [\"read\"] }",
			s.address, strings.Join(denied, " and "), s.describeNamespace(), denied[0])
	}
	also := ""
	if len(denied) > 0 {
		also = fmt.Sprintf(" (and the token must not read %s)", strings.Join(denied, " and "))
	}
	return secret.NotFound(fmt.Errorf("vault %s has no secret at %s%s%s: write it (vault kv put -mount=%s %s %s=…), or correct mount and path_prefix",
		s.address, strings.Join(empty, " nor at "), s.describeNamespace(), also, strings.Trim(s.config.Mount, "/"), path, s.config.Field))
}

// isDeleted reports whether the reply of a version 2 engine describes a deleted secret, which can be undeleted.
func isDeleted(r reply) bool {
	metadata, _ := r.Data["metadata"].(map[string]any)
	at, _ := metadata["deletion_time"].(string)
	return at != ""
}

// isDestroyed reports whether the reply describes a destroyed secret, which cannot be undeleted. It may have been deleted before.
func isDestroyed(r reply) bool {
	metadata, _ := r.Data["metadata"].(map[string]any)
	isDestroyed, _ := metadata["destroyed"].(bool)
	return isDestroyed
}

func (s *Store) describeNamespace() string {
	if s.config.Namespace == "" {
		return ""
	}
	return fmt.Sprintf(" in namespace %q", s.config.Namespace)
}

// serverText returns the errors and warnings of a reply, shortened, on one line and without the credentials that were sent, because any
// program may answer at the address.
func (s *Store) serverText(r reply, sent map[string]string) string {
	text := strings.Join(strings.Fields(strings.Join(append(r.Errors, r.Warnings...), "; ")), " ")
	hide := []string{s.currentSession().token}
	for key, v := range sent {
		if key != "role" {
			hide = append(hide, v)
		}
	}
	for _, v := range hide {
		if v != "" {
			text = strings.ReplaceAll(text, v, "[redacted]")
		}
	}
	if len(text) > maxServerText {
		text = strings.ToValidUTF8(text[:maxServerText], "") + "…"
	}
	if text == "" {
		return "no reason given"
	}
	return text
}
