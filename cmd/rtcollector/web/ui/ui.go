// Package ui is the dashboard: the files that a browser loads. README.md describes them.
package ui

import (
	"embed"
	"io/fs"
)

//go:embed static
var static embed.FS

// Files returns the files of the dashboard, with index.html at the root. It is the page of every path that is not a file.
func Files() fs.FS {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return files
}
