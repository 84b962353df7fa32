package syslogmsg

import (
	"strings"
	"time"
)

// civil is a time as it is written: without a year, without a zone, or with both.
type civil struct {
	year, day, hour, minute, second, nanosecond int

	month     time.Month
	zone      *time.Location // nil: not said
	zoneNamed string         // what is said instead
	glued     bool           // the offset follows a time that begins with a month, without a blank
}

// readTime reads the time at the beginning of a message and what follows it:
//
//	Nov  5 19:46:03                     RFC 3164
//	Nov 05 2026 19:46:03                Cisco ASA
//	Nov  5 19:46:03 2026                Comware (HP, H3C), ArubaOS; also Nov  5 19:46:03:295 2026
//	*Nov  5 19:46:03.295 CET            Cisco IOS; * and . say that the clock is not set by NTP
//	Nov  5 2026 07:46:03 PM EST         clocks with twelve hours
//	Thu Nov  5 19:46:03 CET 2026        date, ctime
//	2026 Nov  5 19:46:03 UTC            Cisco NX-OS
//	Nov 5 2026 19:46:03+01:00 DST       Huawei
//	2026-11-05T19:46:03.295+01:00       RFC 3339; the T may be a blank, the zone may be missing
//	2026/11/5 19:46:03                  the same with slashes, and without zeros
func (p *Parser) readTime(text string, received time.Time) (sent time.Time, rest string, ok bool) {
	s := scanner{text: text}
	s.skip('*')
	s.skip('.')
	s.weekday()
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

// monthFirst reads "Nov  5 [2026] 19:46:03[.295] [UTC] [2026]".
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
	c.glued = s.peek() == '+' || s.peek() == '-'
	s.readZone(c)
	s.yearAfter(c)
	s.readZone(c)
	c.glued = c.glued && c.zone != nil
	return !s.bad
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
	separator := byte('-')
	if s.peek() == '/' {
		separator = '/'
	}
	if !s.skip(separator) {
		return false
	}
	c.month = time.Month(s.digits(1, 2))
	if !s.skip(separator) {
		return false
	}
	c.day = s.digits(1, 2)
	if !s.skip('T') && !s.skip('t') && !s.skip(' ') || !s.clock(c) {
		return false
	}
	if s.skip('Z') || s.skip('z') {
		c.zone = time.UTC
	}
	s.readZone(c)
	return !s.bad
}

// weekday skips the name of a day in front of a date.
func (s *scanner) weekday() {
	const names = "MonTueWedThuFriSatSun"
	if len(s.text) < len("Mon Jan") {
		return
	}
	if at := strings.Index(names, s.text[:3]); at < 0 || at%3 != 0 {
		return
	}
	rest := scanner{text: s.text[3:]}
	rest.skip(',')
	if rest.skip(' ') {
		*s = rest
	}
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
	if s.skip('.') || s.skip(',') || s.fractionFollows() {
		c.nanosecond = s.fraction()
	}
	s.meridiem(c)
	return !s.bad
}

// fraction takes the digits of a fraction of a second, in nanoseconds.
func (s *scanner) fraction() (nanoseconds int) {
	unit := 100_000_000
	for ; isDigit(s.peek()); s.text = s.text[1:] {
		nanoseconds += int(s.text[0]-'0') * unit
		unit /= 10
	}
	return nanoseconds
}

// fractionFollows takes the colon in front of three digits: 19:46:03:295, Comware.
func (s *scanner) fractionFollows() bool {
	if len(s.text) < len(":295 ") || s.text[0] != ':' || s.text[4] != ' ' || strings.Trim(s.text[1:4], digits) != "" {
		return false
	}
	return s.skip(':')
}

// zoneOffset reads +01:00, +0100 or +1, if it is there.
func (s *scanner) zoneOffset(c *civil) {
	sign := 1
	switch {
	case s.skip('-'):
		sign = -1
	case !s.skip('+'):
		return
	}
	hours, minutes := s.digits(1, 2), 0
	if len(s.text) > 2 && s.text[0] == ':' && isDigit(s.text[1]) || isDigit(s.peek()) {
		s.skip(':')
		minutes = s.digits(2, 2)
	}
	c.zone = time.FixedZone("", sign*(hours*3600+minutes*60))
}

// resolve finds the instant that is meant: of the year nearest to when it was received, in the zone that is said, set or
// guessed.
func (p *Parser) resolve(c civil, received time.Time) (sent time.Time, ok bool) {
	zone, guess := c.zone, false
	if zone == nil && c.zoneNamed != "" {
		zone = p.zone(&c, received)
	}
	if zone == nil {
		zone = p.settings.Zone
	}
	if zone == nil {
		zone, guess = p.local, true
	}
	sent, ok = c.near(received, zone)
	if ok && guess {
		sent = sent.Add(-zoneAhead(sent.Sub(received)))
	}
	if ok && c.glued { // Huawei's devices may write the time of UTC, and the zone of the device beside it
		if utc, ok := c.near(received, time.UTC); ok && utc.Sub(received).Abs() < sent.Sub(received).Abs() {
			sent = utc
		}
	}
	return sent, ok
}

// near returns the instant in a zone, in the nearest year if none is said.
func (c *civil) near(received time.Time, zone *time.Location) (time.Time, bool) {
	if c.year != 0 {
		return c.in(c.year, zone)
	}
	return c.nearest(received, zone)
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
