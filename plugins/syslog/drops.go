package sysloginput

import (
	"bytes"
	"errors"
	"sync"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
)

// dropCounter reads how many datagrams the kernel has dropped because the buffer of a socket was full.
type dropCounter struct {
	mu    sync.Mutex
	inode uint64 // of the socket; 0: there is none
	files []*hostfs.File
}

// watchSocket sets the socket to count for.
func (d *dropCounter) watchSocket(conn any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inode = socketInode(conn)
	if d.files == nil {
		d.files = []*hostfs.File{hostfs.SelfFile("net", "udp"), hostfs.SelfFile("net", "udp6")}
	}
}

// kernelDrops returns how many datagrams the kernel has dropped. Only Linux reports that.
func (l *listener) kernelDrops() (n uint64, ok bool) {
	d := &l.drops
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inode == 0 {
		return 0, false
	}
	for _, f := range d.files {
		data, err := f.ReadOptional()
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			continue // the next gather may succeed
		}
		if n, ok := parseDrops(data, d.inode); ok {
			return n, true
		}
	}
	return 0, false
}

// parseDrops finds the drops of the socket with this inode in /proc/net/udp: net/ipv4/udp.c, udp4_format_sock. The columns are
// sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ref pointer drops.
func parseDrops(data []byte, inode uint64) (drops uint64, ok bool) {
	const inodeColumn, dropsColumn = 9, 12
	for line := range bytes.Lines(data) {
		fields := bytes.Fields(line)
		if len(fields) <= dropsColumn {
			continue
		}
		if n, ok := scan.ParseUint(fields[inodeColumn]); !ok || n != inode {
			continue
		}
		return scan.ParseUint(fields[dropsColumn])
	}
	return 0, false
}
