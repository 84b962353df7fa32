package remotename

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Sizes of the ring that the kernel fills (TPACKET_V3 in Documentation/networking/packet_mmap.rst). It holds the packets of about 400 ms at
// 50,000 a second.
const (
	ringBlockSize = 128 << 10
	ringBlocks    = 32
	ringFrameSize = 2048 // must divide the size of a block; frames have variable sizes nevertheless
)

// Where fields are in struct tpacket_block_desc, tpacket3_hdr and sockaddr_ll (linux/if_packet.h). Integers have the order of the machine.
const (
	blockStatus  = 8
	blockPackets = 12
	blockFirst   = 16

	headerNext     = 0
	headerSeconds  = 4
	headerNanos    = 8
	headerCaptured = 12
	headerNet      = 26
	headerProtocol = 48 + 2 // of the address after the header, in network order
	headerSize     = 48 + 20
)

// ring is a packet socket whose packets are in memory that the kernel shares.
type ring struct {
	file   *os.File
	conn   syscall.RawConn
	memory []byte
	next   int           // block
	fence  atomic.Uint32 // its operations keep the order of accesses to the memory
	drops  atomic.Uint64
	closed atomic.Bool
}

// openCapture opens a socket that receives the packets of all interfaces that the filter selects.
func openCapture(ports []uint16, netns string) (packetSource, error) {
	filter, err := buildFilter(ports, true)
	if err != nil {
		return nil, err
	}
	raw, err := bpf.Assemble(filter)
	if err != nil {
		return nil, fmt.Errorf("assemble the filter of packets: %w", err)
	}
	var fd int
	err = inNamespace(netns, func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0) // protocol 0: nothing before the filter
		return explainRights(err)
	})
	if err != nil {
		return nil, err
	}
	r, err := newRing(fd, raw)
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return r, nil
}

// explainRights adds to an error of socket(2) what the user can do.
func explainRights(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("open a packet socket: %w", err)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	program, pathErr := os.Executable()
	if pathErr != nil {
		program = "rtcollector"
	}
	return fmt.Errorf("%w: names from packets require CAP_NET_RAW: run as root, or grant it with \"setcap cap_net_raw+ep %s\", "+
		"in a container with \"--cap-add NET_RAW\", in a systemd unit with \"AmbientCapabilities=CAP_NET_RAW\"", err, program)
}

// inNamespace calls f in the network namespace with the path, "" for our own. Only one thread changes its namespace, and that ends.
func inNamespace(path string, f func() error) error {
	if path == "" {
		return f()
	}
	namespace, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the network namespace: %w", err)
	}
	defer namespace.Close()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter the network namespace %s: %w (this requires CAP_SYS_ADMIN)", path, err)
			return
		}
		done <- f()
	}()
	return <-done
}

// newRing sets up the filter and the ring, and then lets packets in.
func newRing(fd int, filter []bpf.RawInstruction) (*ring, error) {
	code := make([]unix.SockFilter, len(filter))
	for i, in := range filter {
		code[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return nil, fmt.Errorf("attach the filter of packets: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return nil, fmt.Errorf("select TPACKET_V3, which Linux has since 3.2: %w", err)
	}
	size := unix.TpacketReq3{
		Block_size: ringBlockSize, Block_nr: ringBlocks, Frame_size: ringFrameSize, Frame_nr: ringBlockSize / ringFrameSize * ringBlocks,
		Retire_blk_tov: uint32(blockTimeout.Milliseconds()),
	}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &size); err != nil {
		return nil, fmt.Errorf("allocate the ring of packets: %w", err)
	}
	memory, err := unix.Mmap(fd, 0, ringBlockSize*ringBlocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the ring of packets: %w", err)
	}
	all := unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL)} // interface 0: all of them
	if err := unix.Bind(fd, &all); err != nil {
		_ = unix.Munmap(memory)
		return nil, fmt.Errorf("bind the packet socket: %w", err)
	}
	r := &ring{file: os.NewFile(uintptr(fd), "packet socket"), memory: memory}
	r.conn, err = r.file.SyscallConn()
	return r, err
}

func networkOrder(v uint16) uint16 {
	return binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, v))
}

// run implements packetSource. It frees the ring when the socket is closed.
func (r *ring) run(handle func(block func(add addFunc))) error {
	defer func() { _ = unix.Munmap(r.memory) }()
	for {
		err := r.conn.Read(func(uintptr) bool { return r.isReady() })
		if r.closed.Load() {
			return nil
		}
		if err != nil {
			return fmt.Errorf("wait for packets: %w", err)
		}
		handle(r.readBlock)
		r.release()
	}
}

func (r *ring) block() []byte { return r.memory[r.next*ringBlockSize:][:ringBlockSize] }

// isReady reports whether the kernel handed over the next block. Reading the block must not move before reading its status.
func (r *ring) isReady() bool {
	ready := binary.NativeEndian.Uint32(r.block()[blockStatus:])&unix.TP_STATUS_USER != 0
	r.fence.Add(1)
	return ready
}

// release hands the block back and goes to the next.
func (r *ring) release() {
	r.fence.Add(1) // all reads are done
	binary.NativeEndian.PutUint32(r.block()[blockStatus:], unix.TP_STATUS_KERNEL)
	r.fence.Add(1)
	r.next = (r.next + 1) % ringBlocks
}

// readBlock passes on the packets of the block. The offsets are the kernel's, but a mistake here must not crash the program.
func (r *ring) readBlock(add addFunc) {
	block := r.block()
	at := int(binary.NativeEndian.Uint32(block[blockFirst:]))
	for range binary.NativeEndian.Uint32(block[blockPackets:]) {
		if at < 0 || at+headerSize > len(block) {
			return
		}
		header := block[at:]
		start := int(binary.NativeEndian.Uint16(header[headerNet:]))
		end := start + int(binary.NativeEndian.Uint32(header[headerCaptured:]))
		if end > len(header) {
			return
		}
		when := time.Unix(int64(binary.NativeEndian.Uint32(header[headerSeconds:])), int64(binary.NativeEndian.Uint32(header[headerNanos:])))
		add(when, binary.BigEndian.Uint16(header[headerProtocol:]), header[start:end])
		next := int(binary.NativeEndian.Uint32(header[headerNext:]))
		if next == 0 {
			return
		}
		at += next
	}
}

// dropped implements packetSource. The kernel's counter starts again at each reading.
func (r *ring) dropped() uint64 {
	_ = r.conn.Control(func(fd uintptr) {
		if s, err := unix.GetsockoptTpacketStatsV3(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			r.drops.Add(uint64(s.Drops))
		}
	})
	return r.drops.Load()
}

func (r *ring) close() error {
	r.closed.Store(true)
	return r.file.Close()
}
