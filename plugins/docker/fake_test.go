package docker

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
)

// fakeDaemon answers with recorded replies of daemons that cannot run in the tests, and can change them.
type fakeDaemon struct {
	*httptest.Server
	mu           sync.Mutex
	pages        map[string]string
	asked        map[string]int
	queries      map[string]string
	refused      map[string]int    // status codes by path
	beforeAnswer func(path string) // called before each answer; may be nil
}

// cutMark at the beginning of a page truncates the answer and closes the connection.
const cutMark = "$CUT"

func newRecordedDaemon(t testing.TB, machine string) *fakeDaemon {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/" + machine + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeDaemon{pages: map[string]string{}, asked: map[string]int{}, queries: map[string]string{}, refused: map[string]int{}}
	for _, file := range archive.Files {
		f.pages[file.Name] = string(file.Data)
	}
	f.Server = httpxtest.Pages(t, f.serveReply)
	return f
}

func (f *fakeDaemon) serveReply(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	path := r.URL.Path
	page, known := f.pages[path]
	code := f.refused[path]
	n, hook := f.asked[path], f.beforeAnswer
	f.asked[path]++
	f.queries[path] = r.URL.RawQuery
	f.mu.Unlock()
	if hook != nil {
		hook(path)
	}
	switch {
	case code != 0:
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"message":"because"}`)
	case !known:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"message":"page not found"}`)
	case strings.HasPrefix(page, cutMark):
		_, _ = io.WriteString(w, page[len(cutMark):len(page)/2])
		panic(http.ErrAbortHandler)
	default:
		at := time.Unix(1_700_000_000, 0).Add(time.Duration(n) * 10 * time.Second)
		_, _ = strings.NewReplacer("$READ", at.UTC().Format(time.RFC3339Nano), "$NANOS", strconv.FormatInt(2_000_000_000*int64(n+1), 10)).WriteString(w, page)
	}
}

func (f *fakeDaemon) changePages(f2 func(pages map[string]string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f2(f.pages)
}

func (f *fakeDaemon) replaceText(path, old, now string) {
	f.changePages(func(pages map[string]string) { pages[path] = strings.ReplaceAll(pages[path], old, now) })
}

func (f *fakeDaemon) refusePath(path string, code int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused[path] = code
}

func (f *fakeDaemon) countRequests(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[path]
}

func (f *fakeDaemon) lastQuery(path string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.queries[path]
}

// inputConfig returns the settings of an input for this daemon.
func (f *fakeDaemon) inputConfig(more ...string) string {
	return "{" + strings.Join(append([]string{"endpoint: 'tcp://" + strings.TrimPrefix(f.URL, "http://") + "'"}, more...), ", ") + "}"
}

// newDaemonOfMany returns a daemon with n running containers.
func newDaemonOfMany(t testing.TB, n int) *fakeDaemon {
	f := newRecordedDaemon(t, "docker-29-cgroup2")
	template := "aa00000000000000000000000000000000000000000000000000000000000001"
	list := []string{}
	f.changePages(func(pages map[string]string) {
		for i := range n {
			id := fmt.Sprintf("%064x", i+1)
			list = append(list, fmt.Sprintf(`{"Id":%q,"Names":["/web-%d"],"Image":"nginx:1.29","ImageID":"sha256:5035540629","Command":"nginx -g 'daemon off;'","Created":1795634227,"Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"}],"Labels":{"com.docker.compose.project":"shop","com.docker.compose.service":"web","com.docker.compose.config-hash":"5035540629","team":"x"},"State":"running","Status":"Up 3 hours","HostConfig":{"NetworkMode":"default"},"NetworkSettings":{"Networks":{"bridge":{"NetworkID":"03726c95ed8e","Gateway":"172.30.0.1","IPAddress":"172.30.0.2","MacAddress":"02:42:ac:1e:00:02"}}},"Mounts":[]}`, id, i))
			for _, page := range []string{"json", "stats"} {
				pages["/v1.51/containers/"+id+"/"+page] = pages["/v1.51/containers/"+template+"/"+page]
			}
		}
		pages["/v1.51/containers/json"] = "[" + strings.Join(list, ",\n") + "]"
	})
	return f
}
