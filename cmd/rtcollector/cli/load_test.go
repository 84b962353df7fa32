package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/secret"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	"github.com/rtcollector/rtcollector/secrets"
)

// lateStore is a store whose server is unavailable for a number of requests.
type lateStore struct {
	asked *[]time.Duration // when, since the test began
	away  int
	began time.Time
}

func (s lateStore) Secret(_ context.Context, id string) (string, error) {
	*s.asked = append(*s.asked, time.Since(s.began))
	switch {
	case len(*s.asked) <= s.away:
		return "", secret.Unavailable(errors.New("the server is away"))
	case id == "format":
		return "table", nil
	}
	return "", secret.NotFound(errors.New("no such secret"))
}

func slowApp(t *testing.T, away int, ref string) (app *App, file string, asked *[]time.Duration, stderr *bytes.Buffer) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("secret_store: {type: slow}\ninputs: []\noutputs: [stdout: {format: 'secret:"+ref+"'}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	asked, stderr = new([]time.Duration), &bytes.Buffer{}
	began := time.Now()
	stores := secrets.Catalog{secrets.Define("slow", "", func() (c struct{}) { return c },
		func(secrets.StoreEnv, struct{}) (lateStore, error) { return lateStore{asked, away, began}, nil })}
	return &App{
		Outputs: outputsall.Catalog(), Stores: stores, GOOS: "linux", Stdout: io.Discard, Stderr: stderr,
		Getenv: func(string) (string, bool) { return "", false },
	}, file, asked, stderr
}

func TestStoreThatComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, file, asked, stderr := slowApp(t, 8, "format")
		cfg, _, err := a.loadPatiently(t.Context(), file)
		if err != nil || cfg == nil {
			t.Fatal(err)
		}
		var at []int
		for _, d := range *asked {
			at = append(at, int(d.Seconds()))
		}
		if want := []int{0, 1, 3, 7, 15, 31, 61, 91, 121}; len(at) != len(want) || at[8] != want[8] || at[5] != want[5] || at[1] != want[1] {
			t.Errorf("asked after %v s, want %v", at, want)
		}
		if n := strings.Count(stderr.String(), "the server is away"); n != 1 {
			t.Errorf("printed %d times:\n%s", n, stderr)
		}
	})
}

func TestSignalWhileWaitingForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, file, _, stderr := slowApp(t, 1000, "format")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := a.runAgent(ctx, commonFlags{config: file}, false); err != nil {
			t.Error(err)
		}
		if !strings.Contains(stderr.String(), "stopped while waiting for the secret store") {
			t.Error(stderr)
		}
	})
}

// A secret that does not exist is not waited for, and only "run" waits.
func TestStoreThatIsNotWaitedFor(t *testing.T) {
	a, file, asked, _ := slowApp(t, 0, "nope")
	var failed *failure
	if err := a.runAgent(t.Context(), commonFlags{config: file}, false); !errors.As(err, &failed) || failed.code != exitUsage || len(*asked) != 1 {
		t.Errorf("no such secret: asked %d times, %v", len(*asked), err)
	}
	for name, command := range map[string]func(*App, string) error{
		"check": func(a *App, file string) error {
			return a.runCheck(t.Context(), commonFlags{config: file}, false, false)
		},
		"once": func(a *App, file string) error { return a.runOnce(t.Context(), commonFlags{config: file}, onceFlags{}) },
	} {
		a, file, asked, _ := slowApp(t, 1000, "format")
		err := command(a, file)
		if !errors.As(err, &failed) || failed.code != exitFailed || len(*asked) != 1 || !strings.Contains(err.Error(), "the server is away") {
			t.Errorf("%s: asked %d times, %v", name, len(*asked), err)
		}
	}
}

// keptStore reports when it is kept.
type keptStore struct{ state chan string }

func (keptStore) Secret(context.Context, string) (string, error) { return "", nil }
func (k keptStore) Keep(ctx context.Context, _ *slog.Logger) {
	k.state <- "kept"
	<-ctx.Done()
	k.state <- "ended"
}

// Stores are also kept while a stopping agent writes out its queues.
func TestStoresAreKeptUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keptStore{make(chan string, 2)}
		ctx, cancel := context.WithCancel(t.Context())
		stop := keepStores(ctx, secrets.NewStores(k, nil, nil), slog.New(slog.DiscardHandler))
		cancel()
		synctest.Wait()
		if len(k.state) != 1 {
			t.Error("not kept after the signal")
		}
		stop()
		if len(k.state) != 2 {
			t.Error("not joined")
		}
	})
}
