// Command gengrafana writes the Grafana dashboards of examples/grafana from the lists in this folder. "go generate ./..." runs it. A
// dashboard in Grafana's format has about forty lines per panel, of which two differ from those of the next panel.
//
//   - grafana.go: panels and variables in Grafana's format.
//   - hosts.go, processes.go, services.go: the dashboards.
package main

//go:generate go run .

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// folder is where the dashboards are, as seen from this folder.
const folder = "../../../examples/grafana/dashboards"

func main() {
	if err := write(folder); err != nil {
		fmt.Fprintln(os.Stderr, "gengrafana:", err)
		os.Exit(1)
	}
}

func write(folder string) error {
	for _, d := range dashboards {
		text, err := json.MarshalIndent(d.encode(), "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, d.name+".json"), append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	return nil
}
