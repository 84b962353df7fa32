package secret

import (
	"regexp"

	"github.com/rtcollector/rtcollector/internal/lazy"
)

// credentialName matches the names of settings that are credentials.
var credentialName = lazy.Regexp(`(?i)pass(word|wd|phrase)?$|^pwd$|token|secret|credential|api[-_]?key|private[-_]?key|^authorization$|^x-.*key$|cookie|^role_id$`)

// IsCredentialName reports whether a setting of this name, or a header, is a credential.
func IsCredentialName(name string) bool { return credentialName().MatchString(name) }

// credentialParts find credentials inside other texts. Each has the credential as its last group.
var credentialParts = []func() *regexp.Regexp{
	lazy.Regexp(`(://[^/?#@\s"':]*:)([^/?#\s"]+)@`),
	lazy.Regexp(`(?i)([?&](?:password|passwd|pwd|token|access_token|auth|secret|api_?key|key|sig|signature)=)([^&\s"'#]+)`),
	lazy.Regexp(`(?i)(--?(?:password|passwd|pass|token|secret|api-?key)[= ])(?:"|')?([^\s"']+)`),
	lazy.Regexp(`(?i)(\b(?:password|passwd|pwd|token|secret|api_?key)\s*[:=]\s*)(?:"|')?([^\s"',}&]+)`),
	lazy.Regexp(`(?i)(\b(?:bearer|basic)\s+)([A-Za-z0-9+/=._~-]{6,})`),
	lazy.Regexp(`(?i)(^[A-Z0-9_]*(?:PASS|TOKEN|SECRET|KEY|PWD|PW|AUTH|CRED)[A-Z0-9_]*=)(.+)$`), // of an environment
}

// ReplaceCredentials returns a text, such as a URL or a command, with each credential in it replaced by what replace returns for it.
func ReplaceCredentials(text string, replace func(credential string) string) string {
	for _, part := range credentialParts {
		found := part().FindAllStringSubmatchIndex(text, -1)
		for i := len(found) - 1; i >= 0; i-- { // the places of earlier ones stay right
			begin, end := found[i][len(found[i])-2], found[i][len(found[i])-1]
			text = text[:begin] + replace(text[begin:end]) + text[end:]
		}
	}
	return text
}
