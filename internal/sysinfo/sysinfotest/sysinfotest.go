// Package sysinfotest replaces the readers of a host with recorded values, so that inputs for macOS, Windows and FreeBSD are tested on
// every system.
package sysinfotest

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"sync/atomic"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
)

//go:embed recordings/*.json
var files embed.FS

// Read returns a recording by its name: "macos-15", "freebsd-14-later".
func Read(name string) ([]byte, error) { return files.ReadFile("recordings/" + name + ".json") }

// Recording has what the functions of a host returned. What is missing, the system does not have.
type Recording struct {
	CPUs       []sysinfo.CPU
	Memory     *sysinfo.Memory
	Swap       *sysinfo.Swap
	Mounts     []sysinfo.Mount
	Space      map[string]sysinfo.Space // by path
	Disks      []sysinfo.Disk
	Interfaces []sysinfo.Interface
	Sockets    []sysinfo.Sockets
	Load       *sysinfo.Load
	System     *sysinfo.System
	Processes  *sysinfo.Processes
	Sensors    []sysinfo.Sensor
	Clock      *sysinfo.Clock
}

// Player is a host that returns recorded values. Its system has what the first recording has.
type Player struct {
	Host    *sysinfo.Host
	current atomic.Pointer[state]
}

type state struct {
	recording Recording
	err       error // of every function
}

// NewPlayer returns a host with the values of a recording in JSON.
func NewPlayer(recording []byte) (*Player, error) {
	p := &Player{}
	p.Play(recording)
	s := p.current.Load()
	if s.err != nil {
		return nil, s.err
	}
	r := s.recording
	p.Host = &sysinfo.Host{}
	if r.CPUs != nil {
		p.Host.CPUs = list(p, func(r *Recording) []sysinfo.CPU { return r.CPUs })
	}
	if r.Memory != nil {
		p.Host.Memory = value(p, func(r *Recording) *sysinfo.Memory { return r.Memory })
	}
	if r.Swap != nil {
		p.Host.Swap = value(p, func(r *Recording) *sysinfo.Swap { return r.Swap })
	}
	if r.Mounts != nil {
		p.Host.Mounts = list(p, func(r *Recording) []sysinfo.Mount { return r.Mounts })
		p.Host.Space = p.space
	}
	if r.Disks != nil {
		p.Host.Disks = list(p, func(r *Recording) []sysinfo.Disk { return r.Disks })
	}
	if r.Interfaces != nil {
		p.Host.Interfaces = list(p, func(r *Recording) []sysinfo.Interface { return r.Interfaces })
	}
	if r.Sockets != nil {
		p.Host.Sockets = list(p, func(r *Recording) []sysinfo.Sockets { return r.Sockets })
	}
	if r.Load != nil {
		p.Host.Load = value(p, func(r *Recording) *sysinfo.Load { return r.Load })
	}
	if r.System != nil {
		p.Host.System = value(p, func(r *Recording) *sysinfo.System { return r.System })
	}
	if r.Processes != nil {
		p.Host.Processes = value(p, func(r *Recording) *sysinfo.Processes { return r.Processes })
	}
	if r.Sensors != nil {
		p.Host.Sensors = list(p, func(r *Recording) []sysinfo.Sensor { return r.Sensors })
	}
	if r.Clock != nil {
		p.Host.Clock = value(p, func(r *Recording) *sysinfo.Clock { return r.Clock })
	}
	return p, nil
}

// Play changes the values. If they are no JSON, all functions return an error.
func (p *Player) Play(recording []byte) {
	s := &state{}
	if err := json.Unmarshal(recording, &s.recording); err != nil {
		s.err = fmt.Errorf("parse a recording: %w", err)
	}
	p.current.Store(s)
}

func list[T any](p *Player, get func(*Recording) []T) func(context.Context) ([]T, error) {
	return func(context.Context) ([]T, error) {
		s := p.current.Load()
		return get(&s.recording), s.err
	}
}

func value[T any](p *Player, get func(*Recording) *T) func(context.Context) (T, error) {
	return func(context.Context) (v T, err error) {
		s := p.current.Load()
		if r := get(&s.recording); r != nil {
			v = *r
		}
		return v, s.err
	}
}

func (p *Player) space(_ context.Context, path string) (sysinfo.Space, error) {
	s := p.current.Load()
	space, ok := s.recording.Space[path]
	if !ok && s.err == nil {
		return space, fs.ErrNotExist
	}
	return space, s.err
}
