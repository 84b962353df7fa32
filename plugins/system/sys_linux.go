package system

import "syscall"

// machine is what the kernel calls the processor ("x86_64"): uname(2). It is the host's in a container, too.
func machine() string {
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		return ""
	}
	name := make([]byte, 0, len(u.Machine))
	for _, c := range u.Machine { // of int8 or uint8, as the architecture has it
		if c == 0 {
			break
		}
		name = append(name, byte(c))
	}
	return string(name)
}
