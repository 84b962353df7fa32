package system

import "syscall"

// machineName returns the kernel's name of the architecture, such as "x86_64" (uname(2)). In a container, it is the
// host's.
func machineName() string {
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		return ""
	}
	name := make([]byte, 0, len(u.Machine))
	for _, c := range u.Machine { // int8 or uint8, depending on the architecture
		if c == 0 {
			break
		}
		name = append(name, byte(c))
	}
	return string(name)
}
