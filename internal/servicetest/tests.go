package servicetest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
)

// packageTB stands for all tests of a package: what is started with it is stopped when all are done.
type packageTB struct {
	testing.TB // nil: what is not below is not called

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
