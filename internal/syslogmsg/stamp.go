package syslogmsg

import (
	"strings"
	"time"
)

// civilTime is a time as it appears in a message. Year and zone may be missing.
type civilTime struct {
	year, day, hour, minute, second, nanosecond int

	month             time.Month
	zone              *time.Location // from an offset; nil: none
	zoneName          string         // name of the zone, if the message has a name
	hasAttachedOffset bool           // the time begins with a month and an offset follows without a blank
}

// readTime parses the time at the beginning of a text and returns the text after it:
//
//	Nov  5 19:46:03                     RFC 3164
//	Nov 05 2026 19:46:03                Cisco ASA
//	Nov  5 19:46:03 2026                Comware (HP, H3C), ArubaOS; also Nov  5 19:46:03:295 2026
//	*Nov  5 19:46:03.295 CET            Cisco IOS; * and . mean that the clock is not synchronized by NTP
//	Nov  5 2026 07:46:03 PM EST         clocks with twelve hours
//	Thu Nov  5 19:46:03 CET 2026        date, ctime
//	2026 Nov  5 19:46:03 UTC            Cisco NX-OS
//	Nov 5 2026 19:46:03+01:00 DST       Huawei
//	2026-11-05T19:46:03.295+01:00       RFC 3339; the T may be a blank, the zone may be missing
//	2026/11/5 19:46:03                  the same with slashes, and without zeros
func (p *Parser) readTime(text string, received time.Time) (sent time.Time, rest string, ok bool) {
	s := scanner{rest: text}
	s.skipByte('*')
	s.skipByte('.')
	s.skipWeekday()
	var c civilTime
	if isDigit(s.peek()) {
		ok = s.readYearFirst(&c)
	} else {
		ok = s.readMonthFirst(&c)
	}
	if !ok || c.month < 1 || c.month > 12 || c.hour > 23 || c.minute > 59 || c.second > 60 || !s.isAtEnd() {
		return time.Time{}, text, false
	}
	sent, ok = p.resolveTime(c, received)
	return sent, s.rest, ok
}

// readMonthFirst parses "Nov  5 [2026] 19:46:03[.295] [UTC] [2026]".
func (s *scanner) readMonthFirst(c *civilTime) bool {
	c.month = s.readMonth()
	if c.month == 0 || !s.skipByte(' ') {
		return false
	}
	s.skipByte(' ')
	if c.day = s.readDigits(1, 2); !s.skipByte(' ') {
		return false
	}
	if len(s.rest) > 4 && s.rest[4] == ' ' {
		if c.year = s.readDigits(4, 4); !s.skipByte(' ') {
			return false
		}
	}
	if !s.readClock(c) {
		return false
	}
	c.hasAttachedOffset = s.peek() == '+' || s.peek() == '-'
	s.readZone(c)
	s.readTrailingYear(c)
	s.readZone(c)
	c.hasAttachedOffset = c.hasAttachedOffset && c.zone != nil
	return !s.missingDigits
}

// readYearFirst parses "2026-11-05T19:46:03.295+01:00" or "2026 Nov  5 19:46:03".
func (s *scanner) readYearFirst(c *civilTime) bool {
	c.year = s.readDigits(4, 4)
	if s.skipByte(' ') {
		year := c.year
		ok := s.readMonthFirst(c)
		c.year = year
		return ok
	}
	separator := byte('-')
	if s.peek() == '/' {
		separator = '/'
	}
	if !s.skipByte(separator) {
		return false
	}
	c.month = time.Month(s.readDigits(1, 2))
	if !s.skipByte(separator) {
		return false
	}
	c.day = s.readDigits(1, 2)
	if !s.skipByte('T') && !s.skipByte('t') && !s.skipByte(' ') || !s.readClock(c) {
		return false
	}
	if s.skipByte('Z') || s.skipByte('z') {
		c.zone = time.UTC
	}
	s.readZone(c)
	return !s.missingDigits
}

// skipWeekday skips the name of a day before a date.
func (s *scanner) skipWeekday() {
	const names = "MonTueWedThuFriSatSun"
	if len(s.rest) < len("Mon Jan") {
		return
	}
	if at := strings.Index(names, s.rest[:3]); at < 0 || at%3 != 0 {
		return
	}
	rest := scanner{rest: s.rest[3:]}
	rest.skipByte(',')
	if rest.skipByte(' ') {
		*s = rest
	}
}

// readClock parses "19:46:03" with an optional fraction and AM or PM.
func (s *scanner) readClock(c *civilTime) bool {
	c.hour = s.readDigits(1, 2)
	if !s.skipByte(':') {
		return false
	}
	c.minute = s.readDigits(2, 2)
	if !s.skipByte(':') {
		return false
	}
	c.second = s.readDigits(2, 2)
	if s.skipByte('.') || s.skipByte(',') || s.skipFractionColon() {
		c.nanosecond = s.readFraction()
	}
	s.readMeridiem(c)
	return !s.missingDigits
}

// readFraction parses the digits of a fraction of a second and returns it in nanoseconds.
func (s *scanner) readFraction() (nanoseconds int) {
	unit := 100_000_000
	for ; isDigit(s.peek()); s.rest = s.rest[1:] {
		nanoseconds += int(s.rest[0]-'0') * unit
		unit /= 10
	}
	return nanoseconds
}

// skipFractionColon skips a colon that three digits follow (19:46:03:295, Comware) and reports whether it did.
func (s *scanner) skipFractionColon() bool {
	if len(s.rest) < len(":295 ") || s.rest[0] != ':' || s.rest[4] != ' ' || strings.Trim(s.rest[1:4], decimalDigits) != "" {
		return false
	}
	return s.skipByte(':')
}

// readOffset parses +01:00, +0100 or +1, if the text begins with it.
func (s *scanner) readOffset(c *civilTime) {
	sign := 1
	switch {
	case s.skipByte('-'):
		sign = -1
	case !s.skipByte('+'):
		return
	}
	hours, minutes := s.readDigits(1, 2), 0
	if len(s.rest) > 2 && s.rest[0] == ':' && isDigit(s.rest[1]) || isDigit(s.peek()) {
		s.skipByte(':')
		minutes = s.readDigits(2, 2)
	}
	c.zone = time.FixedZone("", sign*(hours*3600+minutes*60))
}

// resolveTime returns the instant of a civil time. A missing year is the one nearest to the time of reception. A missing zone
// is the configured one, or a guess.
func (p *Parser) resolveTime(c civilTime, received time.Time) (sent time.Time, ok bool) {
	zone, guess := c.zone, false
	if zone == nil && c.zoneName != "" {
		zone = p.resolveZone(&c, received)
	}
	if zone == nil {
		zone = p.settings.Zone
	}
	if zone == nil {
		zone, guess = p.local, true
	}
	sent, ok = c.instantIn(received, zone)
	if ok && guess {
		sent = sent.Add(-guessZoneOffset(sent.Sub(received)))
	}
	if ok && c.hasAttachedOffset { // devices of Huawei may write the time in UTC, followed by the zone of the device
		if utc, ok := c.instantIn(received, time.UTC); ok && utc.Sub(received).Abs() < sent.Sub(received).Abs() {
			sent = utc
		}
	}
	return sent, ok
}

// instantIn returns the instant in a zone. A missing year is the one nearest to the time of reception.
func (c *civilTime) instantIn(received time.Time, zone *time.Location) (time.Time, bool) {
	if c.year != 0 {
		return c.inYear(c.year, zone)
	}
	return c.inNearestYear(received, zone)
}

// inYear returns the instant in a year. Ok is false if the year does not have the day.
func (c *civilTime) inYear(year int, zone *time.Location) (t time.Time, ok bool) {
	t = time.Date(year, c.month, c.day, c.hour, c.minute, c.second, c.nanosecond, zone)
	wanted := c.day
	if c.second == 60 { // time.Date turns a leap second into the first second of the next minute
		return t, true
	}
	return t, t.Day() == wanted
}

// inNearestYear returns the instant in the year in which it is nearest to the time of reception.
func (c *civilTime) inNearestYear(received time.Time, zone *time.Location) (best time.Time, ok bool) {
	year := received.In(zone).Year()
	for _, y := range [...]int{year, year - 1, year + 1} {
		t, exists := c.inYear(y, zone)
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

// guessZoneOffset guesses how far the sender's zone is ahead of ours. Ahead is how far its time is ahead of the time of
// reception. Messages arrive almost at once and zones differ by quarters of an hour, so a difference close to a multiple of
// that is another zone. A delayed message is mistaken for one if its delay is, by chance, within seconds of a multiple.
func guessZoneOffset(ahead time.Duration) time.Duration {
	const (
		quarter  = 15 * time.Minute
		farthest = 14 * time.Hour // largest offset of a zone from UTC
		slack    = 5 * time.Second
	)
	whole := ahead.Round(quarter)
	if whole.Abs() > farthest || (ahead-whole).Abs() > slack {
		return 0
	}
	return whole
}

// scanner consumes a text from its front.
type scanner struct {
	rest          string
	missingDigits bool // digits were missing
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// peek returns the next byte, or 0.
func (s *scanner) peek() byte {
	if s.rest == "" {
		return 0
	}
	return s.rest[0]
}

// isAtEnd reports whether the text read so far is valid and ends here: at the end, a blank or a colon.
func (s *scanner) isAtEnd() bool {
	return !s.missingDigits && (s.rest == "" || s.rest[0] == ' ' || s.rest[0] == ':')
}

// skipByte skips c and reports whether it was the next byte.
func (s *scanner) skipByte(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// readDigits parses a number of minDigits to maxDigits digits. If it has fewer, the scanner is bad.
func (s *scanner) readDigits(minDigits, maxDigits int) (n int) {
	i := 0
	for ; i < maxDigits && i < len(s.rest) && isDigit(s.rest[i]); i++ {
		n = 10*n + int(s.rest[i]-'0')
	}
	if i < minDigits {
		s.missingDigits = true
	}
	s.rest = s.rest[i:]
	return n
}

// readMonth parses Jan to Dec. It returns 0 for any other text.
func (s *scanner) readMonth() time.Month {
	const names = "JanFebMarAprMayJunJulAugSepOctNovDec"
	if len(s.rest) < 3 {
		return 0
	}
	at := strings.Index(names, s.rest[:3])
	if at < 0 || at%3 != 0 {
		return 0
	}
	s.rest = s.rest[3:]
	return time.Month(at/3 + 1)
}
