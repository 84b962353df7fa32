package servicetest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
)

// packageTB is a testing.TB for all tests of a package. Its cleanups run after the last test.
type packageTB struct {
	testing.TB // nil; only the methods below are called

	cleanups        []func()
	skipped, failed string
}

func (*packageTB) Helper()                  {}
func (*packageTB) Context() context.Context { return context.Background() }
func (p *packageTB) Cleanup(f func())       { p.cleanups = append(p.cleanups, f) }

func (p *packageTB) Skip(args ...any)                 { p.skipped = fmt.Sprint(args...); runtime.Goexit() }
func (p *packageTB) Skipf(format string, args ...any) { p.Skip(fmt.Sprintf(format, args...)) }
func (p *packageTB) Fatal(args ...any)                { p.failed = fmt.Sprint(args...); runtime.Goexit() }
func (p *packageTB) Fatalf(format string, args ...any) {
	p.Fatal(fmt.Sprintf(format, args...))
}

// Failed reports whether a test of the package failed, so that the services which they share show their output.
func (p *packageTB) Failed() bool { return p.failed != "" }

func (*packageTB) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (p *packageTB) runCleanups() {
	for i := len(p.cleanups) - 1; i >= 0; i-- {
		p.cleanups[i]()
	}
}
