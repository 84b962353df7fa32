package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/cli"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/service"
	"github.com/rtcollector/rtcollector/internal/tools/licences"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

// writeDocuments writes what comes with every program: a manual page, completions, a first configuration and the units of the packages.
func (r *release) writeDocuments(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var errs []error
	write := func(name string, content []byte, err error) {
		errs = append(errs, err, os.WriteFile(filepath.Join(dir, name), content, 0o644))
	}
	var sample bytes.Buffer
	if code := cli.Main(context.Background(), []string{"plugins", "sample"}, app(r.version, &sample)); code != 0 {
		errs = append(errs, fmt.Errorf("plugins sample: exit status %d", code))
	}
	write("config.yaml", sample.Bytes(), nil)

	root := cli.Commands(app(r.version, io.Discard))
	write("rtcollector.1", manual(root, r.version, r.date.Format("2006-01-02")), nil)
	for name, generate := range map[string]func(io.Writer) error{
		"rtcollector.bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"rtcollector.zsh":  root.GenZshCompletion,
		"rtcollector.fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
		"rtcollector.ps1":  root.GenPowerShellCompletionWithDesc,
	} {
		var script bytes.Buffer
		err := generate(&script)
		write(name, script.Bytes(), err)
	}
	for _, system := range []string{"systemd", "openrc"} {
		d, err := service.Describe(system, service.Settings{Binary: "/usr/bin/rtcollector", Config: "/etc/rtcollector/config.yaml", User: "rtcollector"})
		errs = append(errs, err)
		for _, f := range d.Files {
			write("service."+system, []byte(f.Content), nil)
		}
	}
	modules, err := licences.Find("./cmd/rtcollector", licences.Systems()...)
	var texts bytes.Buffer
	err = errors.Join(err, licences.Write(&texts, modules))
	write(thirdParty, texts.Bytes(), err)
	return errors.Join(errs...)
}

// thirdParty is the name of the file with the licences of the modules that the program contains.
const thirdParty = "third-party-licences.txt"

func app(version string, stdout io.Writer) cli.App {
	return cli.App{
		Version: version, Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(), Stdout: stdout, Stderr: os.Stderr, GOOS: "linux",
		Getenv: func(string) (string, bool) { return "", false }, // the documents are the same for everybody
	}
}

// manual returns the manual page rtcollector(1), in the language of man(7): every command with its flags on one page, to search in.
func manual(root *cobra.Command, version, date string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, ".TH RTCOLLECTOR 1 %q %q\n.SH NAME\nrtcollector \\- metrics agent for RedisTimeSeries\n", date, "rtcollector "+strings.TrimPrefix(version, "v"))
	b.WriteString(".SH SYNOPSIS\n.B rtcollector\n.I command\n[\\fIflags\\fR]\n.SH DESCRIPTION\n")
	writeText(&b, root.Long)
	b.WriteString(".SH COMMANDS\n")
	writeCommands(&b, root)
	b.WriteString(".SH FLAGS OF EVERY COMMAND\n")
	writeFlags(&b, root.PersistentFlags().FlagUsagesWrapped(1000))
	b.WriteString(`.SH FILES
.TP
.I ./config.yaml, ~/.config/rtcollector/config.yaml, /etc/rtcollector/config.yaml
The configuration: the first that exists. The commented example is in the documentation of the package.
.TP
.I /etc/rtcollector/environment
Variables of the service, such as SECRET_REDIS_PASSWORD.
.TP
.I /etc/credstore/rtcollector.redis_password
A password for the service, as a credential of systemd.
.SH EXIT STATUS
.TP
.B 0
Success; for
.BR run ,
everything was written when it was stopped.
.TP
.B 1
Something failed at run time.
.TP
.B 2
The command line or the configuration is wrong; nothing was started.
.TP
.B 130
A second signal ended the program at once.
.SH SIGNALS
SIGINT and SIGTERM end the agent, which writes out its buffers for up to eight seconds.
SIGHUP makes it read its configuration again.
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1),
.BR redis-cli (1)
`)
	return b.Bytes()
}

// writeCommands writes the commands below parent that do something, with their flags.
func writeCommands(b *bytes.Buffer, parent *cobra.Command) {
	for _, c := range parent.Commands() {
		if c.Hidden || c.Name() == "help" {
			continue
		}
		fmt.Fprintf(b, ".SS %s\n%s.\n", escapeRoff(strings.TrimPrefix(c.UseLine(), "rtcollector ")), escapeRoff(strings.TrimSuffix(c.Short, ".")))
		if c.Long != "" {
			b.WriteString(".PP\n")
			writeText(b, c.Long)
		}
		writeFlags(b, c.LocalFlags().FlagUsagesWrapped(1000))
		writeCommands(b, c)
	}
}

// writeText writes paragraphs. Lines that begin with a blank or have columns are examples, which keep their layout.
func writeText(b *bytes.Buffer, text string) {
	isExample := false
	for line := range strings.SplitSeq(text, "\n") {
		if begins := strings.HasPrefix(line, " ") || strings.Contains(line, "   "); begins != isExample {
			b.WriteString(map[bool]string{true: ".PP\n.nf\n", false: ".fi\n"}[begins])
			isExample = begins
		}
		if line == "" {
			b.WriteString(".PP\n")
			continue
		}
		b.WriteString(escapeRoff(line) + "\n")
	}
	if isExample {
		b.WriteString(".fi\n")
	}
}

// writeFlags writes flags from cobra's list: "  -d, --debug    log timings".
func writeFlags(b *bytes.Buffer, usages string) {
	for line := range strings.Lines(usages) {
		flag, description, ok := strings.Cut(strings.TrimSpace(line), "   ")
		if ok {
			fmt.Fprintf(b, ".TP\n.B %s\n%s\n", escapeRoff(flag), escapeRoff(strings.TrimSpace(description)))
		}
	}
}

// escapeRoff escapes what is special in roff: backslashes, hyphens that must stay hyphens, and control characters at the start of a line.
func escapeRoff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}
