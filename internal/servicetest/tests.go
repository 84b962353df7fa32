package servicetest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
)

// tests stands for all tests of a package: what is started with it is stopped when all are done.
type tests struct {
	testing.TB // nil: what is not below is not called

	cleanups        []func()
	skipped, failed string
}

func (*tests) Helper()                  {}
func (*tests) Context() context.Context { return context.Background() }
func (p *tests) Cleanup(f func())       { p.cleanups = append(p.cleanups, f) }

func (p *tests) Skip(args ...any)                 { p.skipped = fmt.Sprint(args...); runtime.Goexit() }
func (p *tests) Skipf(format string, args ...any) { p.Skip(fmt.Sprintf(format, args...)) }
func (p *tests) Fatal(args ...any)                { p.failed = fmt.Sprint(args...); runtime.Goexit() }
func (p *tests) Fatalf(format string, args ...any) {
	p.Fatal(fmt.Sprintf(format, args...))
}

// Failed reports whether a test of the package failed, so that the services which they share show their output.
func (p *tests) Failed() bool { return p.failed != "" }

func (*tests) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (p *tests) end() {
	for i := len(p.cleanups) - 1; i >= 0; i-- {
		p.cleanups[i]()
	}
}
