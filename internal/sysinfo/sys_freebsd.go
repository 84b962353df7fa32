package sysinfo

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

const kernelName = "FreeBSD"

// New returns the reader of this host.
func New() *Host {
	p := &platform{}
	return &Host{
		CPUs:       readCPUs("user", "nice", "system", "idle", "irq"),
		Memory:     readMemory,
		Swap:       readSwap,
		Mounts:     readMounts,
		Space:      (&slowCalls[Space]{call: statfs}).ask,
		Disks:      readDisks(true),
		Interfaces: readInterfaces,
		Sockets:    readSockets,
		Load:       readLoad,
		System:     p.readFreeBSD,
		Processes:  readProcesses,
		Sensors:    readSensors,
		Clock:      readClock,
	}
}

func (p *platform) readFreeBSD(ctx context.Context) (System, error) {
	s, err := p.readWithUsers(ctx)
	s.OS = "FreeBSD"
	return s, err
}

// readSwap reads sysctl(3). gopsutil returns an error on a host without swap, and no traffic.
func readSwap(ctx context.Context) (Swap, error) {
	devices, err := unix.SysctlUint32("vm.nswapdev")
	if err != nil {
		return Swap{}, fmt.Errorf("read sysctl vm.nswapdev: %w", err)
	}
	var s Swap
	if devices > 0 {
		m, err := readSwapMemory(ctx)
		if err != nil {
			return Swap{}, fmt.Errorf("read the swap space: %w", err)
		}
		s = Swap{Total: float64(m.Total), Used: float64(m.Used), Free: float64(m.Free)}
	}
	page := float64(unix.Getpagesize())
	in, errIn := readSysctl("vm.stats.vm.v_swappgsin")
	out, errOut := readSysctl("vm.stats.vm.v_swappgsout")
	if err := errors.Join(errIn, errOut); err != nil {
		return s, err
	}
	s.In, s.Out, s.HasTraffic = in*page, out*page, true
	return s, nil
}

// readSysctl returns an unsigned number of 32 or 64 bits. Counters of FreeBSD have either, depending on the release.
func readSysctl(name string) (float64, error) {
	data, err := unix.SysctlRaw(name)
	switch {
	case err != nil:
		return 0, fmt.Errorf("read sysctl %s: %w", name, err)
	case len(data) == 4:
		return float64(binary.NativeEndian.Uint32(data)), nil
	case len(data) == 8:
		return float64(binary.NativeEndian.Uint64(data)), nil
	}
	return 0, fmt.Errorf("read sysctl %s: %d bytes are not a number", name, len(data))
}

func readSockets(context.Context) ([]Sockets, error) {
	data, err := unix.SysctlRaw("net.inet.tcp.states")
	if err != nil {
		return nil, fmt.Errorf("read sysctl net.inet.tcp.states: %w", err)
	}
	return parseTCPStates(data)
}

// readProcesses counts the processes that ps(1) lists: nlwp is their number of threads.
func readProcesses(ctx context.Context) (Processes, error) {
	text, err := runProgram(ctx, "/bin/ps", "-A", "-o", "state=", "-o", "nlwp=")
	if err != nil {
		return Processes{}, err
	}
	return parsePS(text)
}

// readSensors reads the temperatures of coretemp(4), amdtemp(4) and acpi_thermal(4), in tenths of a kelvin. Without these drivers there are none.
func readSensors(context.Context) ([]Sensor, error) {
	var all []Sensor
	for i := range runtime.NumCPU() {
		all = appendTemperature(all, fmt.Sprintf("dev.cpu.%d.temperature", i), fmt.Sprintf("cpu%d", i))
	}
	const maxZones = 16
	for i := range maxZones {
		all = appendTemperature(all, fmt.Sprintf("hw.acpi.thermal.tz%d.temperature", i), fmt.Sprintf("tz%d", i))
	}
	return all, nil
}

func appendTemperature(all []Sensor, sysctl, name string) []Sensor {
	const zeroCelsius = 2731.5
	tenths, err := unix.SysctlUint32(sysctl)
	if err != nil {
		return all
	}
	return append(all, Sensor{Name: name, Celsius: (float64(int32(tenths)) - zeroCelsius) / 10})
}
