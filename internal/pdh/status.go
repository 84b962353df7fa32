package pdh

import "fmt"

// Status is an error of PDH: pdhmsg.h.
type Status uint32

// The errors that mean something to callers.
const (
	NoInstance          Status = 0x800007D1
	MoreData            Status = 0x800007D2
	NoData              Status = 0x800007D5
	NegativeDenominator Status = 0x800007D6
	NegativeValue       Status = 0x800007D8
	NoObject            Status = 0xC0000BB8
	NoCounter           Status = 0xC0000BB9
	BadPath             Status = 0xC0000BC0
	InvalidData         Status = 0xC0000BC6
)

// Error implements error.
func (s Status) Error() string {
	switch s {
	case NoInstance:
		return "there is no such instance"
	case NoData:
		return "there is no data"
	case NoObject:
		return "this Windows has no such object"
	case NoCounter:
		return "the object has no such counter"
	case BadPath:
		return "the path of the counter is malformed"
	}
	return fmt.Sprintf("PDH status 0x%08X", uint32(s))
}
