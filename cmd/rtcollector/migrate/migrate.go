// Package migrate translates the configurations of other agents into one for rtcollector, and says line by line what changed and what has
// no equivalent.
//
//   - migrate.go: [Translate], and how it recognises a file. notes.go: the report. document.go: the configuration that is written. credentials.go: what is not copied.
//   - predecessor.go: YAML of the Python rtcollector.
//   - telegraf.go: TOML of Telegraf; telegraf_inputs.go and telegraf_outputs.go say what its plugins are called here. toml.go: TOML as nodes.
//   - netdata.go, classic.go, remotewrite.go: netdata.conf and exporting.conf. nodeexporter.go: flags of node_exporter.
//
// Every file is parsed into nodes of yaml.v3, which know their lines. Credentials are never copied: a reference to the secret store takes their place.
package migrate

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/bom"
	"github.com/rtcollector/rtcollector/internal/lazy"
)

// MaxSize is the size limit of a file, in bytes.
const MaxSize = 8 << 20

// Format is where a file comes from.
type Format string

// The formats.
const (
	Predecessor  Format = "python"
	Telegraf     Format = "telegraf"
	Netdata      Format = "netdata"
	NodeExporter Format = "node_exporter"
)

// Formats returns all formats.
func Formats() []Format { return []Format{Predecessor, Telegraf, Netdata, NodeExporter} }

// Result is the translation of a file.
type Result struct {
	Config []byte // YAML
	Notes  []Note // in the order of the lines
}

// Translate translates a file. If format is "", it is recognised by the content. The error says where in the file the mistake is.
func Translate(data []byte, format Format) (Result, error) {
	if len(data) > MaxSize {
		return Result{}, fmt.Errorf("is larger than %d MiB", MaxSize>>20)
	}
	data, err := bom.Strip(data)
	if err != nil {
		return Result{}, err
	}
	if !utf8.Valid(data) {
		return Result{}, errors.New("is not UTF-8 text")
	}
	if format == "" {
		if format = recognise(data); format == "" {
			return Result{}, errors.New("is in no format that I know; say which with --from python, telegraf, netdata or node_exporter")
		}
	}
	var t translation
	switch format {
	case Predecessor:
		err = t.translatePredecessor(data)
	case Telegraf:
		err = t.translateTelegraf(data)
	case Netdata:
		err = t.translateNetdata(data)
	case NodeExporter:
		err = t.translateNodeExporter(data)
	default:
		return Result{}, fmt.Errorf("unknown format %q", format)
	}
	if err != nil {
		return Result{}, err
	}
	return t.finish()
}

var (
	telegrafTable = lazy.Regexp(`(?m)^\s*\[{1,2}\s*(agent|global_tags|inputs\.|outputs\.|processors\.|aggregators\.)`)
	netdataTable  = lazy.Regexp(`(?m)^\s*\[(backend|plugins|plugin:.*|host labels|exporting:global|(graphite|opentsdb|json|prometheus_remote_write)\S*:.*)\]|^\s*(update every|memory mode|dbengine .*|page cache size)\s*=`)
	exporterFlag  = lazy.Regexp(`--(no-)?(collector|path)\.[a-z]|/(prometheus-)?node[_-]exporter\b`)
	yamlList      = lazy.Regexp(`(?m)^(inputs|outputs):`)
)

// recognise returns the format of a file, or "".
func recognise(data []byte) Format {
	switch {
	case yamlList().Match(data):
		return Predecessor
	case telegrafTable().Match(data):
		return Telegraf
	case netdataTable().Match(data):
		return Netdata
	case exporterFlag().Match(data):
		return NodeExporter
	}
	return ""
}
