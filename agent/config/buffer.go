package config

import (
	"errors"
	"path/filepath"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// bufferLayout holds the settings "buffer:".
type bufferLayout struct {
	Memory int   `yaml:"memory"` // the same as max_buffer_size
	Disk   *Disk `yaml:"disk"`   // nil: in memory only
}

// Disk holds the settings of the part of the buffer that is on disk. See docs/operating.md.
type Disk struct {
	Path    string    `yaml:"path" conf:"public"`
	MaxSize conf.Size `yaml:"max_size"` // of all outputs together; 0: defaultDiskSize
}

const (
	defaultDiskSize = 1_000_000_000
	minDiskSize     = 1 << 20
)

// Validate implements conf.Validator.
func (b *bufferLayout) Validate() error {
	if b.Memory < 0 {
		return conf.Key("memory", "must be at least 1 (samples per output)")
	}
	return nil
}

// Validate implements conf.Validator.
func (d *Disk) Validate() error {
	var errs []error
	if d.MaxSize == 0 {
		d.MaxSize = defaultDiskSize
	}
	switch {
	case d.Path == "":
		errs = append(errs, conf.Key("path", "is missing: it is a folder for the buffer of this agent alone, such as /var/lib/rtcollector/buffer"))
	case !filepath.IsAbs(d.Path):
		errs = append(errs, conf.Key("path", "must begin at the root, such as /var/lib/rtcollector/buffer, because it must not depend on where the agent is started"))
	}
	if d.MaxSize < minDiskSize {
		errs = append(errs, conf.Key("max_size", "must be at least 1MiB"))
	}
	return errors.Join(errs...)
}

// applyBuffer makes buffer.memory the value of max_buffer_size, of which it is another name.
func applyBuffer(ps *conf.Problems, top *yaml.Node, r *fileLayout) {
	memory := childNode(childNode(top, "buffer"), "memory")
	if memory == nil || conf.IsNull(memory) {
		return
	}
	if other := childNode(top, "max_buffer_size"); other != nil && r.Buffer.Memory != r.MaxBufferSize && r.Buffer.Memory > 0 && r.MaxBufferSize > 0 {
		ps.Add(memory, "buffer.memory", "is the same setting as max_buffer_size on line %d, which has another value; remove one of them", other.Line)
		return
	}
	if r.Buffer.Memory < 1 {
		if conf.Resolve(memory).Value == "0" {
			ps.Add(memory, "buffer.memory", "must be at least 1 (samples per output)")
		}
		return
	}
	r.MaxBufferSize = r.Buffer.Memory
}
