package sysinfo

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"unicode/utf16"

	"github.com/shirou/gopsutil/v3/mem"
	"github.com/shirou/gopsutil/v3/net"
	"golang.org/x/sys/windows"
)

const kernelName = "Windows NT"

// New returns the reader of this host. Windows has no load averages, and no interface for temperatures and the state of the clock that
// works without privileges.
func New() *Host {
	p := &platform{}
	drives := &driveLister{types: slowCalls[volume]{call: readVolume}}
	return &Host{
		CPUs:       readWindowsCPUs,
		Memory:     readMemory,
		Swap:       readSwap,
		Mounts:     drives.readMounts,
		Space:      (&slowCalls[Space]{call: readFreeSpace}).ask,
		Disks:      readDisks,
		Interfaces: readInterfaces,
		Sockets:    readSockets,
		System:     p.readWindows,
		Processes:  readProcesses,
	}
}

// readWindowsCPUs subtracts the time of interrupts from the time of the system, which contains it.
func readWindowsCPUs(ctx context.Context) ([]CPU, error) {
	cores, err := readCPUs("user", "system", "idle", "irq")(ctx)
	for _, c := range cores {
		c.States["system"] = max(0, c.States["system"]-c.States["irq"])
	}
	return cores, err
}

func (p *platform) readWindows(ctx context.Context) (System, error) {
	s, err := p.read(ctx)
	s.CPUs = runtime.NumCPU()
	return s, err
}

// readSwap adds up the page files. gopsutil's SwapMemory is the commit charge, which contains the memory.
func readSwap(ctx context.Context) (Swap, error) {
	files, err := mem.SwapDevicesWithContext(ctx)
	if err != nil {
		return Swap{}, fmt.Errorf("list the page files: %w", err)
	}
	var s Swap
	for _, f := range files {
		s.Used += float64(f.UsedBytes)
		s.Free += float64(f.FreeBytes)
	}
	s.Total = s.Used + s.Free
	return s, nil
}

// volume is what a drive holds.
type volume struct {
	fsType   string
	readOnly bool
}

// driveLister lists drives.
type driveLister struct{ types slowCalls[volume] }

// readMounts lists the drives that have a medium. It does not ask network drives, because their server may be dead.
func (d *driveLister) readMounts(ctx context.Context) ([]Mount, error) {
	mask, err := windows.GetLogicalDrives()
	if err != nil {
		return nil, fmt.Errorf("list the drives: %w", err)
	}
	var all []Mount
	var errs []error
	for letter := range 26 {
		if mask&(1<<letter) == 0 {
			continue
		}
		device := string(rune('A'+letter)) + ":"
		m := Mount{Device: device, Path: device + `\`}
		path, err := windows.UTF16PtrFromString(m.Path)
		if err != nil {
			return all, err
		}
		switch kind := windows.GetDriveType(path); kind {
		case windows.DRIVE_REMOTE:
			m.Remote = true
		case windows.DRIVE_FIXED, windows.DRIVE_REMOVABLE, windows.DRIVE_CDROM, windows.DRIVE_RAMDISK:
			v, err := d.types.ask(ctx, m.Path)
			if holdsNothing(err) {
				continue
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("read the type of drive %s: %w", device, err))
				continue
			}
			m.FSType, m.ReadOnly = v.fsType, v.readOnly
		default:
			continue
		}
		all = append(all, m)
	}
	folders, err := d.readFolders(ctx)
	return append(all, folders...), errors.Join(append(errs, err)...)
}

// holdsNothing reports whether an error means that there is no medium, no file system on it, or that BitLocker has locked it.
func holdsNothing(err error) bool {
	const locked = syscall.Errno(0x80310000) // FVE_E_LOCKED_VOLUME
	return errors.Is(err, windows.ERROR_NOT_READY) || errors.Is(err, windows.ERROR_UNRECOGNIZED_VOLUME) || errors.Is(err, locked)
}

// readFolders lists the volumes that are mounted in folders, as mountvol.exe does. Their device is the drive of the folder.
func (d *driveLister) readFolders(ctx context.Context) (all []Mount, err error) {
	name := make([]uint16, windows.MAX_PATH)
	search, err := windows.FindFirstVolume(&name[0], uint32(len(name)))
	if err != nil {
		return nil, fmt.Errorf("list the volumes: %w", err)
	}
	defer func() { _ = windows.FindVolumeClose(search) }()
	var errs []error
	for {
		paths, err := readVolumePaths(&name[0])
		if err != nil {
			errs = append(errs, fmt.Errorf("list the folders of volume %s: %w", windows.UTF16ToString(name), err))
		}
		for _, path := range paths {
			if len(path) <= len(`C:\`) {
				continue // it has a letter
			}
			if v, err := d.types.ask(ctx, path); err == nil {
				all = append(all, Mount{Device: path[:2], Path: path, FSType: v.fsType, ReadOnly: v.readOnly})
			} else if !holdsNothing(err) {
				errs = append(errs, fmt.Errorf("read the type of the volume in %s: %w", path, err))
			}
		}
		if err := windows.FindNextVolume(search, &name[0], uint32(len(name))); errors.Is(err, windows.ERROR_NO_MORE_FILES) {
			return all, errors.Join(errs...)
		} else if err != nil {
			return all, errors.Join(append(errs, fmt.Errorf("list the volumes: %w", err))...)
		}
	}
}

// readVolumePaths returns the drive letter and the folders of a volume.
func readVolumePaths(volume *uint16) ([]string, error) {
	list, length := make([]uint16, 1024), uint32(0)
	err := windows.GetVolumePathNamesForVolumeName(volume, &list[0], uint32(len(list)), &length)
	if errors.Is(err, windows.ERROR_MORE_DATA) {
		list = make([]uint16, length)
		err = windows.GetVolumePathNamesForVolumeName(volume, &list[0], uint32(len(list)), &length)
	}
	if err != nil {
		return nil, err
	}
	// Each path ends with a NUL, the list with another one.
	return strings.FieldsFunc(string(utf16.Decode(list[:length])), func(r rune) bool { return r == 0 }), nil
}

func readVolume(path string) (volume, error) {
	root, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return volume{}, err
	}
	var flags uint32
	name := make([]uint16, windows.MAX_PATH+1)
	if err := windows.GetVolumeInformation(root, nil, 0, nil, nil, &flags, &name[0], uint32(len(name))); err != nil {
		return volume{}, err
	}
	return volume{fsType: windows.UTF16ToString(name), readOnly: flags&windows.FILE_READ_ONLY_VOLUME != 0}, nil
}

// readFreeSpace returns the space of a drive. Available respects the quota of this user.
func readFreeSpace(path string) (Space, error) {
	root, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return Space{}, err
	}
	var available, total, free uint64
	if err := windows.GetDiskFreeSpaceEx(root, &available, &total, &free); err != nil {
		return Space{}, err
	}
	return Space{Total: float64(total), Free: float64(free), Used: max(0, float64(total)-float64(free)), Available: float64(available)}, nil
}

// readDisks reads the counters of fixed drives. Windows Server has none until an administrator runs "diskperf -y".
func readDisks(context.Context) ([]Disk, error) {
	mask, err := windows.GetLogicalDrives()
	if err != nil {
		return nil, fmt.Errorf("list the drives: %w", err)
	}
	var all []Disk
	var errs []error
	for letter := range 26 {
		name := string(rune('A'+letter)) + ":"
		root, err := windows.UTF16PtrFromString(name + `\`)
		if mask&(1<<letter) == 0 || err != nil || windows.GetDriveType(root) != windows.DRIVE_FIXED {
			continue
		}
		d, err := readDiskPerformance(name)
		switch {
		case errors.Is(err, windows.ERROR_INVALID_FUNCTION), errors.Is(err, windows.ERROR_NOT_SUPPORTED): // not counted
		case err != nil:
			errs = append(errs, fmt.Errorf("read the counters of drive %s: %w", name, err))
		default:
			all = append(all, d)
		}
	}
	return all, errors.Join(errs...)
}

// readDiskPerformance opens a drive without access rights, which needs no privilege.
func readDiskPerformance(name string) (Disk, error) {
	const ioctlDiskPerformance = 0x70020
	path, err := windows.UTF16PtrFromString(`\\.\` + name)
	if err != nil {
		return Disk{}, err
	}
	h, err := windows.CreateFile(path, 0, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return Disk{}, err
	}
	defer func() { _ = windows.CloseHandle(h) }()
	data := make([]byte, diskPerformanceSize)
	var n uint32
	if err := windows.DeviceIoControl(h, ioctlDiskPerformance, nil, 0, &data[0], uint32(len(data)), &n, nil); err != nil {
		return Disk{}, err
	}
	d, ok := parseDiskPerformance(data[:min(int(n), len(data))])
	if !ok {
		return Disk{}, fmt.Errorf("%d bytes are no DISK_PERFORMANCE", n)
	}
	d.Name = name
	return d, nil
}

func readSockets(ctx context.Context) ([]Sockets, error) {
	counts := map[Sockets]int{}
	for _, protocol := range []string{"tcp", "udp"} {
		list, err := net.ConnectionsWithContext(ctx, protocol)
		if err != nil {
			return nil, fmt.Errorf("list the sockets: %w", err)
		}
		for _, c := range list {
			s := Sockets{Protocol: protocol}
			if protocol == "tcp" {
				s.State = nameTCPState(c.Status)
			}
			counts[s]++
		}
	}
	return listSockets(counts), nil
}

// readProcesses counts processes and threads. Windows has no states of processes.
func readProcesses(context.Context) (Processes, error) {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return Processes{}, fmt.Errorf("list the processes: %w", err)
	}
	defer func() { _ = windows.CloseHandle(snapshot) }()
	var entry windows.ProcessEntry32
	entry.Size = uint32(reflect.TypeOf(entry).Size())
	var p Processes
	for err = windows.Process32First(snapshot, &entry); err == nil; err = windows.Process32Next(snapshot, &entry) {
		p.Total++
		p.Threads += int(entry.Threads)
	}
	if !errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return Processes{}, fmt.Errorf("list the processes: %w", err)
	}
	return p, nil
}
