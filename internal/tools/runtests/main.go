// Command runtests passes its arguments to "go test" and prints what failed. It ends with a table of the skipped tests and their
// reasons, so that a test which is skipped on every machine is noticed. report.go has the report.
//
//	go run ./internal/tools/runtests -race -shuffle=on ./...
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() {
	code, err := runTests(os.Stdout, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "runtests:", err)
		code = 1
	}
	os.Exit(code)
}

// runTests runs go test and returns its exit code.
func runTests(w io.Writer, args []string) (int, error) {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	r := newReport(w)
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.addLine(line)
		}
		if err != nil {
			break
		}
	}
	err = cmd.Wait()
	r.writeSummary()
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Wait returns it unwrapped
		return exit.ExitCode(), nil
	}
	return 0, err
}

// addLine adds a line of go test's output. It prints lines that are not events, such as messages of the go command.
func (r *report) addLine(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil || e.Action == "" {
		_, _ = r.w.Write(line)
		return
	}
	r.addEvent(e)
}
