package sysinfo

import (
	"context"
	"errors"
	"fmt"

	"github.com/shirou/gopsutil/v4/sensors"
)

const kernelName = "Darwin"

// New returns the reader of this host.
func New() *Host {
	p := &platform{}
	return &Host{
		CPUs:       readCPUs("user", "nice", "system", "idle"),
		Memory:     readMemory,
		Swap:       readSwap,
		Mounts:     readMounts,
		Space:      (&slowCalls[Space]{call: statfs}).ask,
		Disks:      readDisks(false),
		Interfaces: readInterfaces,
		Sockets:    readSockets,
		Load:       readLoad,
		System:     p.readMacOS,
		Processes:  readProcesses,
		Sensors:    readSensors,
		Clock:      readClock,
	}
}

// readMacOS names the system as Apple does. Its kernel is called Darwin.
func (p *platform) readMacOS(ctx context.Context) (System, error) {
	s, err := p.readWithUsers(ctx)
	s.OS, s.HardwareVendor = "macOS", "Apple"
	return s, err
}

// readSwap reads the space with sysctl(3), and the traffic from vm_stat(1), because gopsutil does not have it.
func readSwap(ctx context.Context) (Swap, error) {
	m, err := readSwapMemory(ctx)
	if err != nil {
		return Swap{}, fmt.Errorf("read the swap space: %w", err)
	}
	s := Swap{Total: float64(m.Total), Used: float64(m.Used), Free: float64(m.Free)}
	text, err := runProgram(ctx, "/usr/bin/vm_stat")
	if err != nil {
		return s, err
	}
	if s.In, s.Out, s.HasTraffic = parseVMStat(text); !s.HasTraffic {
		return s, errors.New("parse the output of vm_stat: no lines \"Swapins\" and \"Swapouts\"")
	}
	return s, nil
}

// readSockets counts the sockets that netstat(1) lists. gopsutil runs lsof(8), which shows the sockets of other users to root only.
func readSockets(ctx context.Context) ([]Sockets, error) {
	text, err := runProgram(ctx, "/usr/sbin/netstat", "-an", "-p", "tcp")
	if err != nil {
		return nil, err
	}
	return parseNetstat(text)
}

// readProcesses counts the processes that ps(1) lists. Only root may read the state of other users' processes, and ps is setuid root.
func readProcesses(ctx context.Context) (Processes, error) {
	text, err := runProgram(ctx, "/bin/ps", "-A", "-o", "state=")
	if err != nil {
		return Processes{}, err
	}
	return parsePS(text)
}

// readSensors leaves out sensors that this model does not have: gopsutil returns 0 for them.
func readSensors(ctx context.Context) ([]Sensor, error) {
	temperatures, err := sensors.TemperaturesWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the temperatures: %w", err)
	}
	var all []Sensor
	for _, t := range temperatures {
		if t.Temperature > 0 {
			all = append(all, Sensor{Name: t.SensorKey, Celsius: t.Temperature})
		}
	}
	return all, nil
}
