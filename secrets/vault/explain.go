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

// maxWords is how much of what a server says is repeated, in bytes.
const maxWords = 200

// unreachable says why there was no answer.
func (s *Store) unreachable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err // the rest repeats the address
	}
	var lookup *net.DNSError
	var timeout net.Error
	why := "does not answer"
	switch advice := tlsx.Advice(err); {
	case advice != "":
		why = advice
	case errors.Is(err, http.ErrSchemeMismatch):
		why = "speaks no TLS there: write http:// in url, or name its TLS port"
	case errors.Is(err, syscall.ECONNREFUSED):
		why = "is not there: start it, or correct url"
	case errors.As(err, &lookup) && !lookup.IsTimeout:
		why = "has an unknown name: correct url, or the name server"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		why = fmt.Sprintf("did not answer within %v: check the network and its load", s.config.Timeout)
	}
	return secret.Unavailable(fmt.Errorf("vault %s %s: %w", s.address, why, err))
}

// refused says what a reply means that is neither a secret nor the lack of one. See
// https://developer.hashicorp.com/vault/api-docs#http-status-codes.
func (s *Store) refused(r reply) error {
	words := s.words(r, nil)
	switch {
	case r.status == http.StatusBadRequest && strings.Contains(words, "HTTPS server"):
		return fmt.Errorf("vault %s speaks TLS there: write https:// in url", s.address)
	case r.status == http.StatusServiceUnavailable && strings.Contains(words, "sealed"):
		return secret.Unavailable(fmt.Errorf("vault %s is sealed: unseal it (vault operator unseal)", s.address))
	case r.status == http.StatusTooManyRequests:
		return secret.Unavailable(fmt.Errorf("vault %s takes no more requests for now (status 429): %s", s.address, words))
	case r.status >= 500, r.status == http.StatusPreconditionFailed, r.status == 472, r.status == 473:
		return secret.Unavailable(fmt.Errorf("vault %s is in trouble (status %d): see its log: %s", s.address, r.status, words))
	case r.alien:
		return fmt.Errorf("vault %s: what is there does not answer like a Vault (status %d): correct url: %s", s.address, r.status, words)
	}
	return fmt.Errorf("vault %s refuses to read %s%s (status %d): %s", s.address, r.path, s.inNamespace(), r.status, words)
}

// missing says what is wrong when no way to a secret led to one. A path that may be read and is empty is the better
// answer than one that may not be read: policies grant the paths of one version.
func (s *Store) missing(path string, missed []reply) error {
	var empty, denied []string
	for _, r := range missed {
		words := s.words(r, nil)
		switch {
		case strings.Contains(words, "namespace not found"):
			return secret.NotFound(fmt.Errorf("vault %s has no namespace %q: correct namespace", s.address, s.config.Namespace))
		case strings.Contains(words, "no handler for route"):
			return secret.NotFound(fmt.Errorf("vault %s has no secrets engine at %s/%s: correct mount or namespace (vault secrets list)",
				s.address, strings.Trim(s.config.Mount, "/"), s.inNamespace()))
		case r.status == http.StatusForbidden:
			denied = append(denied, r.path)
		case destroyed(r):
			return secret.NotFound(fmt.Errorf("vault %s: the newest version of %s was destroyed, and cannot be undeleted: write a new one (vault kv put -mount=%s %s %s=…)",
				s.address, r.path, strings.Trim(s.config.Mount, "/"), path, s.config.Field))
		case deleted(r):
			return secret.NotFound(fmt.Errorf("vault %s: the newest version of %s was deleted: undelete it (vault kv undelete), or write a new one", s.address, r.path))
		default:
			empty = append(empty, r.path)
		}
	}
	if len(empty) == 0 {
		return fmt.Errorf("vault %s denies the token to read %s%s: add to one of its policies: path %q { capabilities = [\"read\"] }",
			s.address, strings.Join(denied, " and "), s.inNamespace(), denied[0])
	}
	also := ""
	if len(denied) > 0 {
		also = fmt.Sprintf(" (and %s may not be read)", strings.Join(denied, " and "))
	}
	return secret.NotFound(fmt.Errorf("vault %s has no secret at %s%s%s: write it (vault kv put -mount=%s %s %s=…), or correct mount and path_prefix",
		s.address, strings.Join(empty, " nor at "), s.inNamespace(), also, strings.Trim(s.config.Mount, "/"), path, s.config.Field))
}

// deleted reports whether a version 2 engine answers with the remains of a secret, which can be undeleted.
func deleted(r reply) bool {
	metadata, _ := r.Data["metadata"].(map[string]any)
	at, _ := metadata["deletion_time"].(string)
	return at != ""
}

// destroyed reports the same of a secret that cannot. One may be deleted first, and destroyed then.
func destroyed(r reply) bool {
	metadata, _ := r.Data["metadata"].(map[string]any)
	gone, _ := metadata["destroyed"].(bool)
	return gone
}

func (s *Store) inNamespace() string {
	if s.config.Namespace == "" {
		return ""
	}
	return fmt.Sprintf(" in namespace %q", s.config.Namespace)
}

// words are what a server says, short, on one line and without the credentials it was sent: who knows what answers there.
func (s *Store) words(r reply, sent map[string]string) string {
	text := strings.Join(strings.Fields(strings.Join(append(r.Errors, r.Warnings...), "; ")), " ")
	hide := []string{s.current().token}
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
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "") + "…"
	}
	if text == "" {
		return "it does not say why"
	}
	return text
}
