package execinput

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/childproc"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// Config has the input's settings.
type Config struct {
	Commands      []Command  `yaml:"commands" conf:"public"` // they are labels
	DataFormat    Format     `yaml:"data_format"`
	Shell         shellMode  `yaml:"shell"`
	WorkingDir    string     `yaml:"working_dir"`
	Environment   []variable `yaml:"environment"`
	User          string     `yaml:"user"`
	IgnoreError   bool       `yaml:"ignore_error"`
	MaxOutputSize conf.Size  `yaml:"max_output_size"`
	AddHostname   bool       `yaml:"add_hostname" conf:"ignored"` // every series has the label host
}

// Command is a command to run. The short form is the command line alone, as in the Python rtcollector.
type Command struct {
	Name    string `yaml:"name"` // its label; "": the name of the program
	Command string `yaml:"command"`
}

// UnmarshalScalar implements conf.Scalar.
func (c *Command) UnmarshalScalar(text string) error {
	c.Command = text
	return nil
}

func defaults() Config {
	return Config{DataFormat: formatJSON, Shell: shellAuto, MaxOutputSize: 1 << 20}
}

// shellMode is the value of the key "shell": which commands a shell runs.
type shellMode string

const (
	shellAuto   shellMode = "auto" // the commands that need one
	shellAlways shellMode = "true"
	shellNever  shellMode = "false"
)

// UnmarshalScalar implements conf.Scalar.
func (s *shellMode) UnmarshalScalar(text string) error {
	switch v := shellMode(text); v {
	case shellAuto, shellAlways, shellNever:
		*s = v
		return nil
	}
	return errors.New("must be auto, true or false")
}

// needsShell reports whether a shell runs a command. With "auto", a shell runs commands that contain a character which a shell
// interprets, and commands whose first word is not a program, because it may be a builtin. A backslash needs the shell as well,
// because shells differ in what echo makes of it.
func (s shellMode) needsShell(command string) bool {
	if s != shellAuto {
		return s == shellAlways
	}
	words, err := splitWords(command)
	if err != nil || len(words) == 0 || strings.ContainsAny(command, "|&;<>()$`\\*?[]{}~#=%!\n") {
		return true
	}
	return !childproc.IsProgram(words[0])
}

// Format is the format of what the commands print.
type Format string

// The formats.
const (
	formatJSON    Format = "json"
	formatMetrics Format = "metrics"
	formatInflux  Format = "influx"
	formatProm    Format = "prometheus"
	formatLogfmt  Format = "logfmt"
	formatNagios  Format = "nagios"
	formatText    Format = "text"
)

func formatNames() []string {
	return []string{string(formatJSON), string(formatMetrics), string(formatInflux), string(formatProm), string(formatLogfmt), string(formatNagios), string(formatText)}
}

// UnmarshalScalar implements conf.Scalar.
func (f *Format) UnmarshalScalar(text string) error {
	for _, known := range formatNames() {
		if text == known {
			*f = Format(text)
			return nil
		}
	}
	return fmt.Errorf("must be one of %s%s", strings.Join(formatNames(), ", "), conf.Suggest(text, formatNames()))
}

// variable is an environment variable, written "NAME=value". The value may be a reference to a secret store.
type variable struct {
	name  string
	value secret.Ref
}

var variableName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

// UnmarshalScalar implements conf.Scalar.
func (v *variable) UnmarshalScalar(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || !variableName.MatchString(name) {
		return errors.New("must be NAME=value")
	}
	v.name = name
	return v.value.UnmarshalScalar(value)
}

// Format implements fmt.Formatter. It never prints a secret value.
func (v variable) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, v.name+"="+v.value.String()) }

const minOutputSize = 1 << 10

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	var errs []error
	seen, names := map[string]bool{}, map[string]bool{}
	for n, command := range c.Commands {
		text, name := command.Command, command.Name
		switch _, err := splitWords(text); {
		case strings.TrimSpace(text) == "":
			errs = append(errs, conf.Item("commands", n, "is empty"))
		case seen[text] && name == "":
			errs = append(errs, conf.Item("commands", n, "appears twice: %q", text))
		case name != "" && name != commandLabel(name):
			errs = append(errs, conf.Item("commands", n, "%q: a name must not contain commas or parentheses, and not more than %d characters", name, maxCommandLabel))
		case names[name] && name != "":
			errs = append(errs, conf.Item("commands", n, "an earlier command has the name %q, too", name))
		case err != nil && c.Shell == shellNever:
			errs = append(errs, conf.Item("commands", n, "%q: %s", text, err))
		}
		seen[text], names[name] = true, true
	}
	if c.MaxOutputSize < minOutputSize {
		errs = append(errs, conf.Key("max_output_size", "must be at least %d", minOutputSize))
	}
	return errors.Join(errs...)
}

var (
	errQuote  = errors.New("has an unterminated quote")
	errEscape = errors.New("ends with a backslash")
)

// splitWords splits a command line as a shell does, without expanding anything. White space separates words. A backslash
// makes the next character literal. Nothing is special in single quotes; in double quotes only a backslash before " \ $ or a
// backtick is.
func splitWords(command string) (words []string, err error) {
	var word strings.Builder
	var quote byte
	inWord := false
	for i := 0; i < len(command); i++ {
		c := command[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, inWord = c, true
		case c == '\\' && quote != '\'' && (quote == 0 || i+1 < len(command) && strings.IndexByte("\"\\$`", command[i+1]) >= 0):
			i++
			if i == len(command) {
				return nil, errEscape
			}
			word.WriteByte(command[i])
			inWord = true
		case quote == 0 && strings.IndexByte(" \t\r\n", c) >= 0:
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errQuote
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// StartsPrograms implements catalog.Starter.
func (c *Config) StartsPrograms() {}

// Privileges implements catalog.Privileged.
func (c *Config) Privileges() []catalog.Privilege {
	if c.User == "" {
		return nil
	}
	return []catalog.Privilege{{Capabilities: "CAP_SETUID CAP_SETGID", Without: "commands of another user"}}
}
