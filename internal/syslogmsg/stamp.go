package syslogmsg

import (
	"strings"
	"time"
)

// civil is a time as it is written: without a year, without a zone, or with both.
type civil struct {
	year, day, hour, minute, second, nanosecond int

	month time.Month
	zone  *time.Location // nil: not said
}

// readTime reads the time at the beginning of a message and what follows it:
//
//	Nov  5 19:46:03                     RFC 3164
//	Nov 05 2026 19:46:03                Cisco ASA
//	*Nov  5 19:46:03.295 CET            Cisco IOS; * and . say that the clock is not set by NTP
//	2026 Nov  5 19:46:03 UTC            Cisco NX-OS
//	2026-11-05T19:46:03.295+01:00       RFC 3339; the T may be a blank, the zone may be missing
func (p *Parser) readTime(text string, received time.Time) (sent time.Time, rest string, ok bool) {
	s := scanner{text: text}
	s.skip('*')
	s.skip('.')
	var c civil
	if isDigit(s.peek()) {
		ok = s.yearFirst(&c)
	} else {
		ok = s.monthFirst(&c)
	}
	if !ok || c.month < 1 || c.month > 12 || c.hour > 23 || c.minute > 59 || c.second > 60 || !s.atEnd() {
		return time.Time{}, text, false
	}
	sent, ok = p.resolve(c, received)
	return sent, s.text, ok
}

// monthFirst reads "Nov  5 [2026] 19:46:03[.295] [UTC]".
func (s *scanner) monthFirst(c *civil) bool {
	c.month = s.monthName()
	if c.month == 0 || !s.skip(' ') {
		return false
	}
	s.skip(' ')
	if c.day = s.digits(1, 2); !s.skip(' ') {
		return false
	}
	if len(s.text) > 4 && s.text[4] == ' ' {
		if c.year = s.digits(4, 4); !s.skip(' ') {
			return false
		}
	}
	if !s.clock(c) {
		return false
	}
	s.zoneName(c)
	return true
}

// yearFirst reads "2026-11-05T19:46:03.295+01:00" or "2026 Nov  5 19:46:03".
func (s *scanner) yearFirst(c *civil) bool {
	c.year = s.digits(4, 4)
	if s.skip(' ') {
		year := c.year
		ok := s.monthFirst(c)
		c.year = year
		return ok
	}
	if !s.skip('-') {
		return false
	}
	c.month = time.Month(s.digits(2, 2))
	if !s.skip('-') {
		return false
	}
	c.day = s.digits(2, 2)
	if !s.skip('T') && !s.skip(' ') {
		return false
	}
	return s.clock(c) && s.zoneOffset(c)
}

// clock reads "19:46:03" and a fraction.
func (s *scanner) clock(c *civil) bool {
	c.hour = s.digits(1, 2)
	if !s.skip(':') {
		return false
	}
	c.minute = s.digits(2, 2)
	if !s.skip(':') {
		return false
	}
	c.second = s.digits(2, 2)
	if s.skip('.') || s.skip(',') {
		unit := 100_000_000
		for ; isDigit(s.peek()); s.text = s.text[1:] {
			c.nanosecond += int(s.text[0]-'0') * unit
			unit /= 10
		}
	}
	return !s.bad
}

// zoneOffset reads Z, +01:00, +0100 or +1, if it is there.
func (s *scanner) zoneOffset(c *civil) bool {
	sign := 1
	switch {
	case s.skip('Z'):
		c.zone = time.UTC
		return true
	case s.skip('-'):
		sign = -1
	case !s.skip('+'):
		return true
	}
	hours, minutes := s.digits(1, 2), 0
	if len(s.text) > 2 && s.text[0] == ':' && isDigit(s.text[1]) || isDigit(s.peek()) {
		s.skip(':')
		minutes = s.digits(2, 2)
	}
	c.zone = time.FixedZone("", sign*(hours*3600+minutes*60))
	return !s.bad
}

// zoneNames are those that devices write. All but the first two mean several zones each: they are as good as none.
const zoneNames = " UTC GMT WET WEST CET CEST EET EEST BST MSK IST HKT SGT JST KST AWST ACST AEST AEDT NZST NZDT BRT " +
	"AST ADT EST EDT CST CDT MST MDT PST PDT AKST AKDT HST MET METDST "

// zoneName reads " CET" or " UTC+1" at the end or in front of a colon, as Cisco's devices write it.
func (s *scanner) zoneName(c *civil) {
	name, ok := strings.CutPrefix(s.text, " ")
	n := 0
	for n < min(len(name), len("METDST")) && name[n]|0x20 >= 'a' && name[n]|0x20 <= 'z' {
		n++
	}
	if !ok || n < len("UTC") || n < len(name) && strings.IndexByte(":+-", name[n]) < 0 {
		return
	}
	name, rest := name[:n], name[n:]
	if !strings.Contains(zoneNames, " "+strings.ToUpper(name)+" ") {
		return
	}
	z := scanner{text: rest}
	if name == "UTC" || name == "GMT" {
		c.zone = time.UTC
		z.zoneOffset(c)
	}
	if z.bad || z.text != "" && z.text[0] != ':' { // a host called utc-1
		c.zone = nil
		return
	}
	s.text = z.text
}

// resolve finds the instant that is meant: of the year nearest to when it was received, in the zone that is said, set or
// guessed.
func (p *Parser) resolve(c civil, received time.Time) (sent time.Time, ok bool) {
	zone, guess := c.zone, false
	if zone == nil {
		zone = p.settings.Zone
	}
	if zone == nil {
		zone, guess = p.local, true
	}
	if c.year != 0 {
		sent, ok = c.in(c.year, zone)
	} else {
		sent, ok = c.nearest(received, zone)
	}
	if ok && guess {
		sent = sent.Add(-zoneAhead(sent.Sub(received)))
	}
	return sent, ok
}

// in returns the instant in a year, if that has the day.
func (c *civil) in(year int, zone *time.Location) (t time.Time, ok bool) {
	t = time.Date(year, c.month, c.day, c.hour, c.minute, c.second, c.nanosecond, zone)
	wanted := c.day
	if c.second == 60 { // a leap second is the first of the next minute
		return t, true
	}
	return t, t.Day() == wanted
}

// nearest returns the instant in the year in which it is nearest to another.
func (c *civil) nearest(received time.Time, zone *time.Location) (best time.Time, ok bool) {
	year := received.In(zone).Year()
	for _, y := range [...]int{year, year - 1, year + 1} {
		t, exists := c.in(y, zone)
		if !exists {
			continue
		}
		if !ok || t.Sub(received).Abs() < best.Sub(received).Abs() {
			best, ok = t, true
		}
		if t.Sub(received).Abs() < 180*24*time.Hour {
			break
		}
	}
	return best, ok
}

// zoneAhead guesses how far a sender's zone is ahead of ours from how far its time is ahead of when we received it.
// Messages take no time, and zones differ by quarters of an hour: what is within seconds of that is another zone. What
// was kept back for an hour and is sent now looks the same for ten seconds in every fifteen minutes.
func zoneAhead(ahead time.Duration) time.Duration {
	const (
		quarter  = 15 * time.Minute
		farthest = 14 * time.Hour // of any zone from UTC
		slack    = 5 * time.Second
	)
	whole := ahead.Round(quarter)
	if whole.Abs() > farthest || (ahead-whole).Abs() > slack {
		return 0
	}
	return whole
}

// scanner takes a text apart from its beginning on.
type scanner struct {
	text string
	bad  bool // a number was missing
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// peek returns the next byte, or 0.
func (s *scanner) peek() byte {
	if s.text == "" {
		return 0
	}
	return s.text[0]
}

// atEnd says whether what was read ends here.
func (s *scanner) atEnd() bool {
	return !s.bad && (s.text == "" || s.text[0] == ' ' || s.text[0] == ':')
}

// skip takes a byte if it is next.
func (s *scanner) skip(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.text = s.text[1:]
	return true
}

// digits takes a number of so many digits.
func (s *scanner) digits(least, most int) (n int) {
	i := 0
	for ; i < most && i < len(s.text) && isDigit(s.text[i]); i++ {
		n = 10*n + int(s.text[i]-'0')
	}
	if i < least {
		s.bad = true
	}
	s.text = s.text[i:]
	return n
}

// monthName takes Jan to Dec; 0 if it is not there.
func (s *scanner) monthName() time.Month {
	const names = "JanFebMarAprMayJunJulAugSepOctNovDec"
	if len(s.text) < 3 {
		return 0
	}
	at := strings.Index(names, s.text[:3])
	if at < 0 || at%3 != 0 {
		return 0
	}
	s.text = s.text[3:]
	return time.Month(at/3 + 1)
}
