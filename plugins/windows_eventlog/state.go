package windowseventlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// bookmarkFile is the path of a file with the bookmark of a channel.
type bookmarkFile string

// stateName returns the name of a file for a channel of an input. Channels have slashes, inputs a "#", which not every file system likes.
func stateName(input, channel string) string {
	return strings.ReplaceAll(url.PathEscape(input+" "+channel), "%", "_") + ".bookmark"
}

// maxBookmark bounds a bookmark, which has a few hundred bytes.
const maxBookmark = 64 << 10

// load returns the bookmark, "" if there is none.
func (f bookmarkFile) load() (string, error) {
	file, err := os.Open(string(f))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxBookmark+1))
	if err != nil {
		return "", err
	}
	if text = bytes.TrimSpace(text); len(text) > maxBookmark || !bytes.HasPrefix(text, []byte("<")) {
		return "", fmt.Errorf("%s has no bookmark of the event log; delete it to begin anew", string(f))
	}
	return string(text), nil
}

// save replaces the bookmark. The file is complete at every moment.
func (f bookmarkFile) save(bookmark string) error {
	if bookmark == "" {
		return nil
	}
	path := string(f)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("keep the bookmark: %w; set state_directory to a folder that the agent may write to", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("keep the bookmark: %w; set state_directory to a folder that the agent may write to", err)
	}
	_, err = file.WriteString(bookmark)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("keep the bookmark: %w", err)
	}
	return nil
}
