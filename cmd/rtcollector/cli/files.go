package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/catalog"
)

// Permissions of others (chmod(1)).
const (
	othersRead  = 0o004
	othersWrite = 0o002
)

// fileWarnings returns what the permissions of the configuration and of the files that the agent keeps let other users do. Windows has no
// such permissions.
func fileWarnings(path string, cfg *config.Config) (warnings []string) {
	if runtime.GOOS == "windows" {
		return nil
	}
	if at := writableByOthers(path); at != "" {
		warnings = append(warnings, fmt.Sprintf("%s: every user of this machine may change %s, and so decide which programs the agent runs; run: chmod o-w %s", path, at, at))
	}
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&othersRead != 0 && cfg.Literal > 0 {
		warnings = append(warnings, fmt.Sprintf("%s:%d: a credential is written here, and every user of this machine may read the file; run: chmod o-r %s; or use a secret store", path, cfg.Literal, path))
	}
	for _, kept := range stateFiles(cfg) {
		if at := writableByOthers(kept); at != "" {
			warnings = append(warnings, fmt.Sprintf("%s: every user of this machine may change %s, and so forge what the agent has stored; run: chmod o-w %s", kept, at, at))
		}
	}
	return warnings
}

// stateFiles returns the files that the components of a configuration keep.
func stateFiles(cfg *config.Config) (all []string) {
	add := func(settings any) {
		if s, ok := settings.(catalog.Stateful); ok {
			all = append(all, s.StateFiles()...)
		}
	}
	for _, in := range cfg.Inputs {
		add(in.Built.Config)
	}
	for _, out := range cfg.Outputs {
		add(out.Built.Config)
	}
	return all
}

// writableByOthers returns a file or its folder, if every user may change it, else "". In a folder with the sticky bit, such as /tmp, only
// the owner of a file may replace it. Devices and pipes, such as /dev/stdin, are no files to protect.
func writableByOthers(path string) string {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&othersWrite != 0 && (info.Mode().IsRegular() || info.IsDir()) {
		return path
	}
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	if err == nil && info.Mode().Perm()&othersWrite != 0 && info.Mode()&fs.ModeSticky == 0 {
		return folder
	}
	return ""
}
