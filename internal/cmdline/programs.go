package cmdline

import (
	"path"
	"strings"
)

// part says which part of a value is a credential.
type part int

const (
	nothing      part = iota
	everything        // the whole value
	afterColon        // user:password
	afterPercent      // user%password
	afterComma        // user,password
	beforeAt          // user/password@database
	asHeader          // the value of an HTTP header
)

// shortOption is an option of one letter.
type shortOption struct {
	letter   byte
	attached bool // -pVALUE
	separate bool // -p VALUE
	holds    part
}

// program is what must be known of one program.
type program struct {
	options    []shortOption
	switches   string // options without a value, which can precede another one in the same word: curl -sku user:password
	subcommand string // the options count after this word only: docker login -p
	words      part   // what the words that are not options hold
	endsAtWord bool   // the options end at the first other word: sshpass -p … ssh -p 22
}

// findProgram returns what is known of the program with this name or path, nil for most.
func findProgram(name string) *program {
	base := strings.TrimSuffix(strings.ToLower(path.Base(strings.ReplaceAll(name, `\`, "/"))), ".exe")
	switch base {
	case "sshpass":
		return &program{options: []shortOption{{'p', true, true, everything}}, endsAtWord: true}
	case "curl":
		return &program{options: []shortOption{{'u', true, true, afterColon}, {'U', true, true, afterColon}, {'b', true, true, everything},
			{'E', true, true, afterColon}}, switches: "#012346BGIJLMNORSafgijklnpqsv"}
	case "http", "https", "xh", "httpie":
		return &program{options: []shortOption{{'a', true, true, everything}}}
	case "docker", "podman", "nerdctl", "buildah", "skopeo", "helm", "oc", "az", "cf", "crane", "oras":
		return &program{options: []shortOption{{'p', true, true, everything}}, subcommand: "login"}
	case "redis-cli", "valkey-cli", "keydb-cli", "redis-benchmark", "valkey-benchmark":
		return &program{options: []shortOption{{'a', false, true, everything}}}
	case "mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "mongostat", "mongotop", "rdesktop":
		return &program{options: []shortOption{{'p', true, true, everything}}}
	case "7z", "7za", "7zr", "7zz", "rar", "unrar":
		return &program{options: []shortOption{{'p', true, false, everything}}}
	case "ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami", "ldapcompare", "ldapmodrdn":
		return &program{options: []shortOption{{'w', true, true, everything}}}
	case "ldappasswd":
		return &program{options: []shortOption{{'w', true, true, everything}, {'s', true, true, everything}, {'a', true, true, everything}}}
	case "smbclient", "rpcclient", "smbget", "smbcacls", "net":
		return &program{options: []shortOption{{'U', true, true, afterPercent}}}
	case "sqlcmd", "bcp", "osql", "tsql", "ipmitool", "mosquitto_pub", "mosquitto_sub", "mosquitto_rr", "zip", "unzip", "zipcloak": //nolint:misspell // the programs are called so
		return &program{options: []shortOption{{'P', true, true, everything}}}
	case "snmpget", "snmpwalk", "snmpset", "snmpbulkget", "snmpbulkwalk", "snmpgetnext", "snmptable", "snmptrap", "snmpinform":
		return &program{options: []shortOption{{'c', true, true, everything}, {'A', true, true, everything}, {'X', true, true, everything}}}
	case "sqlplus", "sqlldr", "exp", "imp", "expdp", "impdp", "rman":
		return &program{words: beforeAt}
	case "useradd", "usermod", "groupadd", "groupmod":
		return &program{options: []shortOption{{'p', true, true, everything}}}
	case "ssh-keygen":
		return &program{options: []shortOption{{'N', true, true, everything}, {'P', true, true, everything}}}
	case "lftp":
		return &program{options: []shortOption{{'u', true, true, afterComma}}}
	case "openssl":
		return &program{options: []shortOption{{'k', false, true, everything}, {'K', false, true, everything}}}
	}
	if strings.HasPrefix(base, "mysql") || strings.HasPrefix(base, "mariadb") {
		return &program{options: []shortOption{{'p', true, false, everything}}}
	}
	return nil
}

// holds returns how much of the value of a short option is a credential, and the value if it is attached.
func (p *program) holds(arg string) (value string, holds part) {
	if len(arg) < 2 || arg[0] != '-' || arg[1] == '-' {
		return "", nothing
	}
	letter := 1
	for letter < len(arg)-1 && strings.IndexByte(p.switches, arg[letter]) >= 0 {
		letter++
	}
	value = arg[letter+1:]
	for _, o := range p.options {
		if o.letter == arg[letter] && (value == "" && o.separate || value != "" && o.attached) {
			return value, o.holds
		}
	}
	return "", nothing
}

// redactPart returns value with its secret part replaced.
func redactPart(value string, secret part) string {
	var before, after string
	var found bool
	switch secret {
	case everything:
		return replaced(value)
	case afterColon:
		before, after, found = strings.Cut(value, ":")
	case afterPercent:
		before, after, found = strings.Cut(value, "%")
	case afterComma:
		before, after, found = strings.Cut(value, ",")
	case beforeAt:
		if before, after, found = strings.Cut(value, "/"); !found || before == "" {
			return value
		}
		password, _, _ := strings.Cut(after, "@")
		return before + "/" + replaced(password) + after[len(password):]
	case asHeader:
		clean, _ := redactHeader(value)
		return clean
	}
	if !found {
		return value
	}
	return value[:len(before)+1] + replaced(after)
}

// replaced returns the mark, or "" if nothing was there.
func replaced(value string) string {
	if value == "" {
		return ""
	}
	return mark
}
