package linuxsensors

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// chipAddress returns the second half of a chip's name, as sensors(1) builds it: the bus of the nearest parent device
// that is on a bus, and its address there. It returns "virtual-0" for devices without a bus.
func chipAddress(sys, device string) string {
	top := filepath.Join(sys, "devices")
	for dir := device; len(dir) > len(top); dir = filepath.Dir(dir) {
		bus, err := os.Readlink(filepath.Join(dir, "subsystem"))
		if err != nil {
			continue
		}
		if a := busAddress(filepath.Base(bus), filepath.Base(dir)); a != "" {
			return a
		}
	}
	return "virtual-0"
}

// busAddress returns the address of a device on its bus, computed from the device's name. It returns "" for buses
// without addresses.
func busAddress(bus, device string) string {
	var a, b, c, d int
	switch bus {
	case "pci": // domain:bus:slot.function
		if n, _ := fmt.Sscanf(device, "%x:%x:%x.%x", &a, &b, &c, &d); n == 4 {
			return fmt.Sprintf("pci-%04x", a<<16|b<<8|c<<3|d)
		}
	case "i2c": // adapter-address
		if n, _ := fmt.Sscanf(device, "%d-%x", &a, &b); n == 2 {
			return fmt.Sprintf("i2c-%d-%02x", a, b)
		}
	case "spi":
		if n, _ := fmt.Sscanf(device, "spi%d.%d", &a, &b); n == 2 {
			return fmt.Sprintf("spi-%d-%x", a, b)
		}
	case "hid": // bus:vendor:product.number
		if n, _ := fmt.Sscanf(device, "%x:%x:%x.%x", &a, &b, &c, &d); n == 4 {
			return fmt.Sprintf("hid-%d-%x", a, d)
		}
	case "scsi": // host:channel:target:lun
		if n, _ := fmt.Sscanf(device, "%d:%d:%d:%d", &a, &b, &c, &d); n == 4 {
			return fmt.Sprintf("scsi-%d-%x", a, b<<8|c<<4|d)
		}
	case "mdio_bus":
		if _, phy, ok := strings.Cut(device, ":"); ok {
			return "mdio-" + phy
		}
	case "platform", "of_platform":
		_, number, _ := strings.Cut(device, ".")
		n, _ := strconv.ParseUint(number, 10, 16)
		return fmt.Sprintf("isa-%04x", n)
	case "acpi":
		return "acpi-0"
	}
	return ""
}
