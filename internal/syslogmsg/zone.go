package syslogmsg

import (
	"strings"
	"time"
)

// zoneMeanings returns the offsets from UTC that the name of a zone can mean, in minutes. A name of several zones has several
// meanings, and an unknown name has none. EST to PDT are from RFC 5322, section 4.3; CST is also the time of China.
func zoneMeanings(name string) (minutes [3]int, n int) {
	const hour = 60
	one := func(m int) ([3]int, int) { return [3]int{m}, 1 }
	switch name {
	case "UTC", "GMT", "WET", "Z":
		return one(0)
	case "CET", "MET", "WEST", "WAT":
		return one(1 * hour)
	case "CEST", "MEST", "METDST", "EET", "CAT", "SAST":
		return one(2 * hour)
	case "EEST", "MSK", "EAT", "IDT":
		return one(3 * hour)
	case "PKT":
		return one(5 * hour)
	case "ICT", "WIB":
		return one(7 * hour)
	case "HKT", "SGT", "AWST":
		return one(8 * hour)
	case "JST", "KST":
		return one(9 * hour)
	case "ACST":
		return one(9*hour + 30)
	case "ACDT":
		return one(10*hour + 30)
	case "AEST":
		return one(10 * hour)
	case "AEDT":
		return one(11 * hour)
	case "NZST":
		return one(12 * hour)
	case "NZDT":
		return one(13 * hour)
	case "BRT", "ART", "ADT":
		return one(-3 * hour)
	case "EDT":
		return one(-4 * hour)
	case "EST", "CDT":
		return one(-5 * hour)
	case "MDT":
		return one(-6 * hour)
	case "MST", "PDT":
		return one(-7 * hour)
	case "PST", "AKDT":
		return one(-8 * hour)
	case "AKST":
		return one(-9 * hour)
	case "HST":
		return one(-10 * hour)
	case "CST":
		return [3]int{-6 * hour, 8 * hour}, 2
	case "AST":
		return [3]int{-4 * hour, 3 * hour}, 2
	case "BST": // British summer, Bangladesh
		return [3]int{1 * hour, 6 * hour}, 2
	case "IST": // India, Israel, Ireland
		return [3]int{5*hour + 30, 2 * hour, 1 * hour}, 3
	}
	return minutes, 0
}

const unknownOffset = 1 << 30

// resolveZone returns the zone that a name means. If the configured zone, or else the local one, has that name at that time,
// it is meant. Of several meanings resolveZone prefers the offset of a configured zone without a name, and otherwise the
// one that brings the time closest to the time of reception.
func (p *Parser) resolveZone(c *civilTime, received time.Time) *time.Location {
	own := p.settings.Zone
	if own == nil {
		own = p.local
	}
	offset := unknownOffset
	if t, ok := c.instantIn(received, own); ok {
		name := ""
		if name, offset = t.Zone(); name == c.zoneName {
			return own
		}
		if p.settings.Zone == nil || name != "" && isLetter(name[0]) { // it has another name
			offset = unknownOffset
		}
	}
	minutes, n := zoneMeanings(c.zoneName)
	var best *time.Location
	nearest := time.Duration(0)
	for _, m := range minutes[:n] {
		zone := time.FixedZone(c.zoneName, 60*m)
		if n == 1 || offset == 60*m {
			return zone
		}
		if t, ok := c.instantIn(received, zone); ok && (best == nil || t.Sub(received).Abs() < nearest) {
			best, nearest = zone, t.Sub(received).Abs()
		}
	}
	return best
}

// readZone parses the zone after a clock: an offset, a name, or both as in UTC+1 and "+01:00 DST".
func (s *scanner) readZone(c *civilTime) {
	if c.zone != nil || c.zoneName != "" {
		return
	}
	z := scanner{rest: s.rest}
	separate := z.skipByte(' ')
	if (z.peek() == '+' || z.peek() == '-') && (!separate || len(z.rest) >= len("+0100")) {
		if z.readOffset(c); !z.missingDigits && z.isAtEnd() {
			s.rest = z.rest
			s.skipDaylight()
			return
		}
		c.zone = nil
	}
	s.readZoneName(c)
}

// skipDaylight skips the DST that Huawei's devices write after an offset. The offset already includes it.
func (s *scanner) skipDaylight() {
	for _, word := range [...]string{" DST", " (DST)"} {
		if rest, ok := strings.CutPrefix(s.rest, word); ok && (rest == "" || rest[0] == ' ' || rest[0] == ':') {
			s.rest = rest
		}
	}
}

const maxZoneLen = len("METDST")

// readZoneName parses " CET" or " UTC+1" before the end, a colon or a host.
func (s *scanner) readZoneName(c *civilTime) {
	name, ok := strings.CutPrefix(s.rest, " ")
	n := 0
	for n < min(len(name), maxZoneLen) && isLetter(name[n]) {
		n++
	}
	if !ok || n < len("UTC") {
		return
	}
	name, rest := name[:n], name[n:]
	if rest != "" && strings.IndexByte(" :+-", rest[0]) < 0 {
		return
	}
	if rest != "" && rest[0] != ':' && strings.IndexFunc(name, isLowerCase) >= 0 {
		return // a word
	}
	upper := strings.ToUpper(name)
	if _, meanings := zoneMeanings(upper); meanings == 0 {
		return
	}
	z := scanner{rest: rest}
	if name == "UTC" || name == "GMT" {
		z.readOffset(c)
	}
	switch {
	case !z.missingDigits && (z.rest == "" || z.rest[0] == ':'):
	case !z.missingDigits && upper == name && isHeadNext(z.rest):
	default: // a host such as utc-1
		c.zone = nil
		return
	}
	if c.zone == nil {
		c.zoneName = upper
	}
	s.rest = z.rest
}

// isHeadNext reports whether a host, a year or a zone follows. It distinguishes " EST router1 text" from " EST su: text", where
// EST is the host, because a tag follows. A year may follow the zone; a zone may follow PM.
func isHeadNext(text string) bool {
	rest, ok := strings.CutPrefix(text, " ")
	word, _, more := strings.Cut(rest, " ")
	isYear := len(word) == 4 && strings.Trim(word, decimalDigits) == ""
	return ok && (more && (isHost(word) || isYear) || isZoneName(strings.TrimSuffix(word, ":")))
}

// readMeridiem parses AM or PM and converts the hour.
func (s *scanner) readMeridiem(c *civilTime) {
	text, separate := strings.CutPrefix(s.rest, " ")
	if len(text) < 2 || text[1]|0x20 != 'm' || c.hour < 1 {
		return
	}
	half := text[0] | 0x20
	if half != 'a' && half != 'p' || half == 'a' && c.hour > 12 {
		return
	}
	rest := text[2:]
	if rest != "" && rest[0] != ':' && (separate && !isHeadNext(rest) || rest[0] != ' ') {
		return // a host such as pm
	}
	c.hour %= 12
	if half == 'p' {
		c.hour += 12
	}
	s.rest = rest
}

// readTrailingYear parses the year that some devices write after the clock (Comware of HP and H3C, ArubaOS, Junos). If a month
// follows the year, the year belongs to a second time.
func (s *scanner) readTrailingYear(c *civilTime) {
	const oldest, newest = 1970, 2099
	rest, ok := strings.CutPrefix(s.rest, " ")
	if c.year != 0 || !ok || len(rest) < 5 || rest[4] != ' ' || strings.Trim(rest[:4], decimalDigits) != "" {
		return
	}
	y := scanner{rest: rest}
	year := y.readDigits(4, 4)
	next := scanner{rest: rest[5:]}
	if year < oldest || year > newest || next.readMonth() != 0 && next.peek() == ' ' {
		return
	}
	c.year, s.rest = year, y.rest
}

func isLowerCase(r rune) bool { return r >= 'a' && r <= 'z' }

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
