package redisconn

import "strconv"

// AppendCommand appends the head of a command with n arguments, which include its name.
func AppendCommand(buf []byte, n int) []byte {
	buf = strconv.AppendInt(append(buf, '*'), int64(n), 10)
	return append(buf, '\r', '\n')
}

// AppendArg appends an argument.
func AppendArg[T string | []byte](buf []byte, arg T) []byte {
	switch n := len(arg); { // most are short, and this is the hot spot of writing
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

// AppendInt appends a number as an argument.
func AppendInt(buf []byte, v int64) []byte {
	var digits [20]byte
	return AppendArg(buf, strconv.AppendInt(digits[:0], v, 10))
}

// WrapArg turns the bytes of buf from start on into an argument. It is for arguments that are built in place, because their length is
// only known afterwards.
func WrapArg(buf []byte, start int) []byte {
	n := len(buf) - start
	var room [24]byte
	head := strconv.AppendInt(append(room[:0], '$'), int64(n), 10)
	head = append(head, '\r', '\n')
	buf = append(buf, head...) // only makes room; its content is overwritten below
	copy(buf[start+len(head):], buf[start:start+n])
	copy(buf[start:], head)
	return append(buf, '\r', '\n')
}
