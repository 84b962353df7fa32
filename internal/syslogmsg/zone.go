package syslogmsg

import (
	"strings"
	"time"
)

// zoneMeanings returns how far a zone is ahead of UTC, in minutes. A name that is used for several zones has several meanings;
// one that is not known has none. EST to PDT are those of RFC 5322, section 4.3, and CST is China's time as well.
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

// zone decides which zone a time is in that names one. Where the zone that is set, or ours, has that name at that time, it is
// that. Of several meanings, it is the one that the zone which is set has, if that has no name, or else the one that makes the
// time nearest to now.
func (p *Parser) zone(c *civil, received time.Time) *time.Location {
	own := p.settings.Zone
	if own == nil {
		own = p.local
	}
	offset := unknownOffset
	if t, ok := c.near(received, own); ok {
		name := ""
		if name, offset = t.Zone(); name == c.zoneNamed {
			return own
		}
		if p.settings.Zone == nil || name != "" && isLetter(name[0]) { // it has another name
			offset = unknownOffset
		}
	}
	minutes, n := zoneMeanings(c.zoneNamed)
	var best *time.Location
	nearest := time.Duration(0)
	for _, m := range minutes[:n] {
		zone := time.FixedZone(c.zoneNamed, 60*m)
		if n == 1 || offset == 60*m {
			return zone
		}
		if t, ok := c.near(received, zone); ok && (best == nil || t.Sub(received).Abs() < nearest) {
			best, nearest = zone, t.Sub(received).Abs()
		}
	}
	return best
}

// readZone reads what follows a clock: an offset, the name of a zone, or both as in UTC+1 and "+01:00 DST".
func (s *scanner) readZone(c *civil) {
	if c.zone != nil || c.zoneNamed != "" {
		return
	}
	z := scanner{text: s.text}
	separate := z.skip(' ')
	if (z.peek() == '+' || z.peek() == '-') && (!separate || len(z.text) >= len("+0100")) {
		if z.zoneOffset(c); !z.bad && z.atEnd() {
			s.text = z.text
			s.skipDaylight()
			return
		}
		c.zone = nil
	}
	s.zoneName(c)
}

// skipDaylight skips what Huawei's devices write behind an offset that has it already.
func (s *scanner) skipDaylight() {
	for _, word := range [...]string{" DST", " (DST)"} {
		if rest, ok := strings.CutPrefix(s.text, word); ok && (rest == "" || rest[0] == ' ' || rest[0] == ':') {
			s.text = rest
		}
	}
}

const longestZone = len("METDST")

// zoneName reads " CET" or " UTC+1" at the end, in front of a colon, or in front of a host.
func (s *scanner) zoneName(c *civil) {
	name, ok := strings.CutPrefix(s.text, " ")
	n := 0
	for n < min(len(name), longestZone) && isLetter(name[n]) {
		n++
	}
	if !ok || n < len("UTC") {
		return
	}
	name, rest := name[:n], name[n:]
	if rest != "" && strings.IndexByte(" :+-", rest[0]) < 0 {
		return
	}
	if rest != "" && rest[0] != ':' && strings.IndexFunc(name, isSmall) >= 0 {
		return // a word
	}
	upper := strings.ToUpper(name)
	if _, meanings := zoneMeanings(upper); meanings == 0 {
		return
	}
	z := scanner{text: rest}
	if name == "UTC" || name == "GMT" {
		z.zoneOffset(c)
	}
	switch {
	case !z.bad && (z.text == "" || z.text[0] == ':'):
	case !z.bad && upper == name && headFollows(z.text):
	default: // a host called utc-1
		c.zone = nil
		return
	}
	if c.zone == nil {
		c.zoneNamed = upper
	}
	s.text = z.text
}

// headFollows tells " EST router1 text" from " EST su: text", where EST is the host: what stands in front of a tag is one. In
// front of a host there may be a year or, behind PM, another zone.
func headFollows(text string) bool {
	rest, ok := strings.CutPrefix(text, " ")
	word, _, more := strings.Cut(rest, " ")
	isYear := len(word) == 4 && strings.Trim(word, digits) == ""
	return ok && (more && (isHost(word) || isYear) || isZone(strings.TrimSuffix(word, ":")))
}

// meridiem reads AM or PM, of a clock with twelve hours.
func (s *scanner) meridiem(c *civil) {
	text, separate := strings.CutPrefix(s.text, " ")
	if len(text) < 2 || text[1]|0x20 != 'm' || c.hour < 1 {
		return
	}
	half := text[0] | 0x20
	if half != 'a' && half != 'p' || half == 'a' && c.hour > 12 {
		return
	}
	rest := text[2:]
	if rest != "" && rest[0] != ':' && (separate && !headFollows(rest) || rest[0] != ' ') {
		return // a host called pm
	}
	c.hour %= 12
	if half == 'p' {
		c.hour += 12
	}
	s.text = rest
}

// yearAfter reads the year that some devices write behind the clock (Comware of HP and H3C, ArubaOS, Junos). Another time may
// follow, which has that year.
func (s *scanner) yearAfter(c *civil) {
	const oldest, newest = 1970, 2099
	rest, ok := strings.CutPrefix(s.text, " ")
	if c.year != 0 || !ok || len(rest) < 5 || rest[4] != ' ' || strings.Trim(rest[:4], digits) != "" {
		return
	}
	y := scanner{text: rest}
	year := y.digits(4, 4)
	next := scanner{text: rest[5:]}
	if year < oldest || year > newest || next.monthName() != 0 && next.peek() == ' ' {
		return
	}
	c.year, s.text = year, y.text
}

func isSmall(r rune) bool { return r >= 'a' && r <= 'z' }

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
