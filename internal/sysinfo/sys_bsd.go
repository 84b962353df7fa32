//go:build darwin || freebsd

package sysinfo

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rtcollector/rtcollector/internal/childproc"
)

// readMounts lists the mounts with the sizes that the kernel remembers. It asks no server, so it does not hang.
func readMounts(context.Context) ([]Mount, error) {
	n, err := unix.Getfsstat(nil, unix.MNT_NOWAIT)
	if err != nil {
		return nil, fmt.Errorf("list the mounts: %w", err)
	}
	stats := make([]unix.Statfs_t, n+8) // there may be more by now
	if n, err = unix.Getfsstat(stats, unix.MNT_NOWAIT); err != nil {
		return nil, fmt.Errorf("list the mounts: %w", err)
	}
	var all []Mount
	for i := range stats[:min(n, len(stats))] {
		st := &stats[i]
		flags := uint64(st.Flags)
		all = append(all, Mount{
			Device:   unix.ByteSliceToString(st.Mntfromname[:]),
			Path:     unix.ByteSliceToString(st.Mntonname[:]),
			FSType:   unix.ByteSliceToString(st.Fstypename[:]),
			ReadOnly: flags&unix.MNT_RDONLY != 0,
			Remote:   flags&unix.MNT_LOCAL == 0,
			Size:     float64(st.Blocks) * float64(st.Bsize),
		})
	}
	return all, nil
}

// statfs returns the space of the file system at path. On a FreeBSD file system that is more than full, Bavail is negative.
func statfs(path string) (Space, error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(path, &st)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return Space{}, err
		}
		break
	}
	unit := float64(st.Bsize)
	total, free := float64(st.Blocks)*unit, float64(st.Bfree)*unit
	return Space{
		Total: total, Free: free, Used: max(0, total-free), Available: max(0, float64(st.Bavail)*unit),
		Inodes: float64(st.Files), InodesFree: max(0, float64(st.Ffree)),
	}, nil
}

func readDisks(hasBusyTime bool) func(context.Context) ([]Disk, error) {
	return func(ctx context.Context) ([]Disk, error) {
		counters, err := readDiskCounters(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the counters of the disks: %w", err)
		}
		var all []Disk
		for _, c := range counters {
			d := Disk{
				Name: c.Name, Reads: float64(c.ReadCount), Writes: float64(c.WriteCount), ReadBytes: float64(c.ReadBytes),
				WriteBytes: float64(c.WriteBytes), ReadTime: float64(c.ReadTime), WriteTime: float64(c.WriteTime),
			}
			if hasBusyTime {
				d.BusyTime, d.HasBusyTime = float64(c.IoTime), true
			}
			all = append(all, d)
		}
		slices.SortFunc(all, func(a, b Disk) int { return cmp.Compare(a.Name, b.Name) })
		return all, nil
	}
}

func readLoad(ctx context.Context) (Load, error) {
	l, err := readLoadAverages(ctx)
	if err != nil {
		return Load{}, fmt.Errorf("read the load: %w", err)
	}
	return Load{One: l.Load1, Five: l.Load5, Fifteen: l.Load15}, nil
}

func (p *platform) readWithUsers(ctx context.Context) (System, error) {
	s, err := p.read(ctx)
	if err != nil {
		return s, err
	}
	s.CPUs = runtime.NumCPU()
	sessions, err := readUserSessions(ctx)
	if err != nil {
		return s, fmt.Errorf("read the sessions of users: %w", err)
	}
	users := map[string]bool{}
	for _, u := range sessions {
		users[u.User] = true
	}
	s.Sessions, s.Users, s.HasSessions = len(sessions), len(users), true
	return s, nil
}

// maxOutput bounds what a program may print: a line for each of a hundred thousand processes or sockets.
const maxOutput = 16 << 20

// runProgram returns what a program of the system prints.
func runProgram(ctx context.Context, args ...string) ([]byte, error) {
	r := (&childproc.Command{Args: args, MaxOutput: maxOutput}).Run(ctx)
	if r.Err != nil {
		return nil, fmt.Errorf("run %s: %w", args[0], r.Err)
	}
	return r.Stdout, nil
}

// timex is struct timex of sys/timex.h, which is the same on both systems. Go aligns the fields as C does.
type timex struct {
	modes                                      uint32
	offset, freq, maxError, estimatedError     int
	status                                     int32
	constant, precision, tolerance, ppsFreq    int
	jitter                                     int
	shift                                      int32
	stability, jitterCount, calibrations       int
	calibrationErrors, stabilityExceededEvents int
}

// readClock calls ntp_adjtime(2) with modes 0, which changes nothing and needs no privilege.
func readClock(context.Context) (Clock, error) {
	var t timex
	state, _, errno := syscall.Syscall(unix.SYS_NTP_ADJTIME, uintptr(unsafe.Pointer(&t)), 0, 0)
	if errno != 0 {
		return Clock{}, fmt.Errorf("call ntp_adjtime: %w", errno)
	}
	return Clock{
		State: int(state), Status: uint32(t.status), Offset: float64(t.offset), Constant: float64(t.constant),
		Frequency: float64(t.freq), MaxError: float64(t.maxError), EstimatedError: float64(t.estimatedError),
	}, nil
}
