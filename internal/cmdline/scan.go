package cmdline

import "strings"

// scan redacts credentials within a word.
func scan(word string) string {
	return redactTokens(redactPairs(redactUserinfo(word)))
}

// redactUserinfo redacts the password in scheme://user:password@host and user:password@host.
func redactUserinfo(word string) string {
	if strings.IndexByte(word, '@') < 0 {
		return word
	}
	var clean strings.Builder
	for {
		scheme := strings.Index(word, "://")
		if scheme < 0 {
			clean.WriteString(redactPlainUserinfo(word))
			return clean.String()
		}
		start := scheme + len("://")
		end := start + urlEnd(word[start:])
		clean.WriteString(word[:start])
		clean.WriteString(redactURL(word[start:end]))
		word = word[end:]
	}
}

// urlEnd returns where the authority and path of a URL end, so that several URLs in a word are redacted one by one.
func urlEnd(rest string) int {
	if next := strings.Index(rest, "://"); next >= 0 {
		if sep := strings.LastIndexAny(rest[:next], ",;|&?= \t\n"); sep >= 0 {
			return sep
		}
	}
	return len(rest)
}

// redactURL redacts what follows the :// of a URL.
func redactURL(rest string) string {
	at := userinfoEnd(rest)
	if at < 0 {
		return rest
	}
	return redactUser(rest[:at]) + rest[at:]
}

// userinfoEnd returns the index of the @ that ends the userinfo, or -1. RFC 3986 ends the authority at the first slash, but people forget to
// escape slashes and @ in passwords.
func userinfoEnd(rest string) int {
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		return at
	}
	host, port, ok := strings.Cut(authority, ":")
	if ok && (host == "" || !isNumber(port)) && !strings.HasPrefix(host, "[") {
		return strings.LastIndexByte(rest, '@')
	}
	return -1
}

func isNumber(text string) bool { return strings.Trim(text, "0123456789") == "" }

// redactUser redacts user:password, and a user that is a token.
func redactUser(userinfo string) string {
	user, password, ok := strings.Cut(userinfo, ":")
	if isToken(user) || ok && (password == "" || password == "x-oauth-basic") {
		user = replaced(user)
	}
	if !ok {
		return user
	}
	return user + ":" + replaced(password)
}

// redactPlainUserinfo redacts user:password@host without a scheme.
func redactPlainUserinfo(word string) string {
	at := strings.LastIndexByte(word, '@')
	if at < 0 || strings.HasPrefix(word[at+1:], "sha256:") {
		return word
	}
	start := strings.LastIndexAny(word[:at], `/=,;"'(`) + 1
	user, password, ok := strings.Cut(word[start:at], ":")
	if !ok || !isName(user) || password == "" || password[0] == '@' || strings.ContainsAny(password, blanks) {
		return word
	}
	switch strings.ToLower(user) {
	case "mailto", "sip", "sips", "xmpp", "acct", "npm", "git", "http", "https":
		return word
	}
	return word[:start] + user + ":" + mark + word[at:]
}

// redactPairs redacts name=value and "name":"value" anywhere in a word: parameters of URLs, connection strings, mount options, JSON.
func redactPairs(word string) string {
	if !strings.ContainsAny(word, "=:") {
		return word
	}
	var clean strings.Builder
	for i := 0; i < len(word); {
		start := i
		for i < len(word) && isNameByte(word[i]) {
			i++
		}
		clean.WriteString(word[start:i])
		if i == len(word) {
			break
		}
		if i > start {
			if valueStart := pairValue(word, start, i); valueStart > 0 {
				end := valueStart + valueLength(word[valueStart:], before(word, start))
				clean.WriteString(word[i:valueStart])
				clean.WriteString(replaced(word[valueStart:end]))
				i = end
				continue
			}
		}
		clean.WriteByte(word[i])
		i++
	}
	return clean.String()
}

// before returns the byte before the index, 0 at the start.
func before(word string, i int) byte {
	if i == 0 {
		return 0
	}
	return word[i-1]
}

// pairValue returns where the value starts whose name is word[start:end], or 0 if that is not the name of a credential.
func pairValue(word string, start, end int) int {
	name, rest := word[start:end], word[end:]
	inQuery := before(word, start) == '?' || before(word, start) == '&'
	isSecret := isCredential(name) || inQuery && isQueryCredential(name)
	if !isSecret {
		return 0
	}
	switch {
	case rest[0] == '=':
		return end + 1
	case rest[0] == ':' && (isHeader(name) || before(word, start) == '{' || before(word, start) == ','):
		if strings.HasPrefix(rest, "://") {
			return 0
		}
		return end + 1
	case strings.HasPrefix(rest, `":`), strings.HasPrefix(rest, `':`):
		return end + 2
	case strings.HasPrefix(rest, `\":`):
		return end + 3
	case strings.HasPrefix(rest, "%3D"), strings.HasPrefix(rest, "%3d"):
		return end + 3
	}
	return 0
}

// valueLength returns the length of a value. What ends it depends on what separates the pairs, that is, on the byte before the name.
func valueLength(rest string, separator byte) int {
	if rest == "" {
		return 0
	}
	if strings.HasPrefix(rest, mark) {
		return len(mark)
	}
	if quote := rest[0]; quote == '"' || quote == '\'' {
		if end := strings.IndexByte(rest[1:], quote); end >= 0 {
			return end + 2
		}
		return len(rest)
	}
	ends := ""
	switch separator {
	case '?', '&':
		ends = "&#"
	case ';':
		ends = ";"
	case ',':
		ends = ","
	case '{', '"', '\'':
		ends = ",}"
	}
	if ends != "" {
		if end := strings.IndexAny(rest, ends); end >= 0 {
			return end
		}
	}
	return len(rest)
}

// minToken is the length of the shortest token that is redacted by its form. Names of files and hosts are mostly shorter.
const minToken = 24

// isToken reports whether text has the form of a token.
func isToken(text string) bool {
	if len(text) < minToken {
		return false
	}
	// What tokens start with whose form their issuer documents.
	for _, prefix := range [...]string{
		"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glrt-", "sk-", "sk_live_", "sk_test_", "rk_live_", "xoxb-",
		"xoxp-", "xoxa-", "xoxs-", "xapp-", "hvs.", "hvb.", "dckr_pat_", "npm_", "pypi-", "AIza", "ya29.", "eyJ", "SG.", "shpat_", "dop_v1_", "hf_",
		"AKCp", "NRAK-", "glsa_", "dapi", "lin_api_", "atlasv1", "ATATT", "AGE-SECRET-KEY-",
	} {
		if strings.HasPrefix(text, prefix) {
			return strings.ContainsAny(text, "0123456789")
		}
	}
	return false
}

// redactTokens replaces tokens of a known form anywhere in a word.
func redactTokens(word string) string {
	if len(word) < minToken {
		return word
	}
	var clean strings.Builder
	for i := 0; i < len(word); {
		start := i
		for i < len(word) && isNameByte(word[i]) {
			i++
		}
		if run := word[start:i]; isToken(run) {
			clean.WriteString(mark)
		} else {
			clean.WriteString(run)
		}
		if i < len(word) {
			clean.WriteByte(word[i])
			i++
		}
	}
	return clean.String()
}
