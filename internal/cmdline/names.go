package cmdline

import "strings"

// maxName is how much of the end of a name is looked at.
const maxName = 64

// isCredential reports whether a value with this name is a credential. The end of the name decides, without case and separators: DB_PASSWORD,
// --db.password and keyStorePassword end with "password". Names in which another word follows are names of something else: --password-file,
// --token-ttl, aws_access_key_id.
func isCredential(name string) bool {
	if name == "PWD" || name == "OLDPWD" { // of a shell: the working directory
		return false
	}
	plain := flatten(name)
	if plain == "pw" {
		return true
	}
	for _, end := range [...]string{
		"password", "passwd", "passphrase", "passcode", "passwort", "kennwort", "pass", "pwd",
		"secret", "token", "apikey", "accesskey", "secretkey", "privatekey", "encryptionkey", "signingkey", "masterkey", "accountkey",
		"sharedkey", "authkey", "sessionkey", "licensekey", "storagekey", "subscriptionkey", "presharedkey", "psk",
		"credential", "credentials", "creds", "cookie", "authorization", "jwt", "bearer", "masterauth", "otp",
	} {
		if strings.HasSuffix(plain, end) {
			return !hasInnocentEnding(plain)
		}
	}
	return false
}

// hasInnocentEnding reports whether a name only ends like a credential's.
func hasInnocentEnding(plain string) bool {
	for _, end := range [...]string{
		"bypass", "compass", "trespass", "onepass", "twopass", "singlepass", "multipass", "allpass", "highpass", "lowpass", "bandpass",
		"firstpass", "secondpass", "finalpass", "hotp",
	} {
		if strings.HasSuffix(plain, end) {
			return true
		}
	}
	return false
}

// flatten returns the end of a name in lower case and without separators.
func flatten(name string) string {
	if len(name) > maxName {
		name = name[len(name)-maxName:]
	}
	plain := make([]byte, 0, maxName)
	for _, c := range []byte(name) {
		switch {
		case c == '-' || c == '_' || c == '.':
		case 'A' <= c && c <= 'Z':
			plain = append(plain, c+'a'-'A')
		default:
			plain = append(plain, c)
		}
	}
	return string(plain)
}

// isSwitch reports whether an option with the name of a credential takes no value: --no-password, --ask-pass.
func isSwitch(name string) bool {
	word, _, more := strings.Cut(strings.ToLower(strings.TrimLeft(name, "-")), "-")
	switch word {
	case "no", "ask", "skip", "disable", "enable", "show", "hide", "without", "use", "allow", "force", "reset", "generate", "prompt":
		return more
	}
	return false
}

// isQueryCredential is isCredential for parameters of URLs, in which shorter names are common.
func isQueryCredential(name string) bool {
	switch plain := flatten(name); plain {
	case "key", "auth", "sas":
		return true
	default:
		return isCredential(name) || strings.HasSuffix(plain, "sig") || strings.HasSuffix(plain, "signature")
	}
}

// isHeader reports whether name is the name of a header with a credential, so that "name:value" without a blank is one and not, say, the
// name and version of an image.
func isHeader(name string) bool {
	switch flatten(name) {
	case "authorization", "cookie", "setcookie", "pass", "password", "passwd", "passphrase":
		return true
	}
	return strings.Contains(name, "-") && isCredential(name)
}

// isNameByte reports whether c can be part of a name.
func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
}

// isName reports whether text is a name and nothing else.
func isName(text string) bool {
	for i := range len(text) {
		if !isNameByte(text[i]) {
			return false
		}
	}
	return text != ""
}
