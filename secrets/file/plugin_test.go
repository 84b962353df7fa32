package file_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/secrets"
	"github.com/rtcollector/rtcollector/secrets/file"
	"github.com/rtcollector/rtcollector/secrets/secretstest"
)

// dirWith creates a directory of secrets.
func dirWith(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func store(t testing.TB, dir string) file.Store {
	t.Helper()
	s, err := file.New(secrets.StoreEnv{}, file.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	dir := dirWith(t, map[string]string{"redis/password": "hunter2-file\n"})
	secretstest.Run(t, secretstest.Case{Definition: file.Plugin, Config: "dir: " + dir, ID: "redis/password", Value: "hunter2-file", Missing: "redis/other"})
	secretstest.Run(t, secretstest.Case{Definition: file.Plugin, Config: "dir: " + dir, ID: "redis/password", Value: "hunter2-file", Missing: "nowhere/other"})
}

func TestWhatIsCutOff(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "line\n": "line", "dos\r\n": "dos", "two\n\n": "two\n", " blanks \n": " blanks ", "a\nb\n": "a\nb", "cr\r": "cr\r", "\ufeffmark\r\n": "mark",
	} {
		got, err := store(t, dirWith(t, map[string]string{"x": text})).Secret(t.Context(), "x")
		if got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	dir := dirWith(t, map[string]string{
		"store/utf16": "\xff\xfeh\x00u\x00", "store/mark": "\ufeff\n",
		"store/empty": "", "store/newline": "\n", "store/big": strings.Repeat("x", 64<<10+1), "outside": "hunter2", "store/dir/x": "x",
	})
	inside := filepath.Join(dir, "store")
	if runtime.GOOS != "windows" {
		if err := os.Symlink("../outside", filepath.Join(inside, "link")); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]string{
		"empty":        "read " + inside + "/empty: the file is empty",
		"utf16":        "read " + inside + "/utf16: the file is in UTF-16: convert it to UTF-8",
		"mark":         "read " + inside + "/mark: the file is empty",
		"newline":      "read " + inside + "/newline: the file is empty",
		"big":          "read " + inside + "/big: is larger than 64 KiB",
		"dir":          "read " + inside + "/dir: is not a regular file",
		"../outside":   `"../outside" is not a path below ` + inside,
		"/etc/passwd":  `"/etc/passwd" is not a path below ` + inside,
		"":             `"" is not a path below ` + inside,
		"dir/../../..": `"dir/../../.." is not a path below`,
		"link":         "read " + inside + "/link: path escapes from parent",
		"nope":         "read " + inside + "/nope: no such file or directory",
	} {
		v, err := store(t, inside).Secret(t.Context(), id)
		if v != "" || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %q, %v, want %q", id, v, err, want)
		}
	}
	if _, err := store(t, dir+"/none").Secret(t.Context(), "x"); !secret.IsNotFound(err) || !strings.Contains(err.Error(), dir+"/none") {
		t.Errorf("no directory: %v", err)
	}
}

// Kubernetes updates a volume by replacing a symbolic link inside the directory.
func TestLinkInside(t *testing.T) {
	dir := dirWith(t, map[string]string{"..1/password": "old", "..2/password": "new"})
	turn := func(to string) {
		_ = os.Remove(filepath.Join(dir, "..data"))
		if err := os.Symlink(to, filepath.Join(dir, "..data")); err != nil {
			t.Skip(err)
		}
	}
	turn("..1")
	if err := os.Symlink("..data/password", filepath.Join(dir, "password")); err != nil {
		t.Fatal(err)
	}
	s := store(t, dir)
	for _, want := range []string{"old", "new"} {
		if v, err := s.Secret(t.Context(), "password"); v != want || err != nil {
			t.Errorf("%q, %v, want %q", v, err, want)
		}
		turn("..2")
	}
}

func TestDefaultDirectory(t *testing.T) {
	for credentials, want := range map[string]string{"": "/run/secrets", "/run/credentials/x": "/run/credentials/x"} {
		s, err := file.New(secrets.StoreEnv{Getenv: func(name string) (string, bool) {
			return credentials, name == "CREDENTIALS_DIRECTORY"
		}}, file.Defaults())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Secret(t.Context(), "no-such"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", credentials, err)
		}
	}
}

// FuzzID checks that no id leads out of the directory.
func FuzzID(f *testing.F) {
	dir := dirWith(f, map[string]string{"outside": "hunter2", "store/a/b": "inside"})
	s := store(f, filepath.Join(dir, "store"))
	for _, id := range []string{"a/b", "../outside", "a/../../outside", "/outside", "a//b", "./a/b", "a\x00b", "..", "a/b#c"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if v, err := s.Secret(t.Context(), id); err == nil && v != "inside" {
			t.Errorf("%q: %q", id, v)
		}
	})
}
