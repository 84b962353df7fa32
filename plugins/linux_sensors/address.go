package linuxsensors

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// address is the second half of a chip's name, as sensors(1) makes it: the bus of the nearest device above it that is on
// one, and where it is there. It is "virtual-0" for what is on none.
func address(sys, device string) string {
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

// busAddress is where a device is on its bus, by the name that the bus gives it; "" for what is no bus with addresses.
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
