package redisconn

import "strconv"

// AppendCommand begins a command of n arguments, its name among them.
func AppendCommand(buf []byte, n int) []byte {
	buf = strconv.AppendInt(append(buf, '*'), int64(n), 10)
	return append(buf, '\r', '\n')
}

// AppendArg appends an argument.
func AppendArg[T string | []byte](buf []byte, arg T) []byte {
	switch n := len(arg); { // most are short, and this is what a write spends its time with
	case n < 10:
		buf = append(buf, '$', byte('0'+n), '\r', '\n')
	case n < 100:
		buf = append(buf, '$', byte('0'+n/10), byte('0'+n%10), '\r', '\n')
	default:
		buf = strconv.AppendInt(append(buf, '$'), int64(n), 10)
		buf = append(buf, '\r', '\n')
	}
	buf = append(buf, arg...)
	return append(buf, '\r', '\n')
}

// AppendInt appends an argument that is a number.
func AppendInt(buf []byte, v int64) []byte {
	var digits [20]byte
	return AppendArg(buf, strconv.AppendInt(digits[:0], v, 10))
}

// WrapArg makes what stands in buf from start on into an argument: for what is built in place, because its length is
// known only afterwards.
func WrapArg(buf []byte, start int) []byte {
	n := len(buf) - start
	var room [24]byte
	head := strconv.AppendInt(append(room[:0], '$'), int64(n), 10)
	head = append(head, '\r', '\n')
	buf = append(buf, head...) // makes room; what it says is overwritten
	copy(buf[start+len(head):], buf[start:start+n])
	copy(buf[start:], head)
	return append(buf, '\r', '\n')
}
