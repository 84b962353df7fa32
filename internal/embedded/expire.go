package embedded

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// keyTTL answers TTL, PTTL, EXPIRETIME and PEXPIRETIME.
func keyTTL(c *conn, d *database, args [][]byte) {
	left := d.ttl.at[string(args[1])]
	switch {
	case !d.has(args[1]):
		c.out.Int(-2)
		return
	case left == 0:
		c.out.Int(-1)
		return
	}
	name := strings.ToUpper(string(args[0]))
	if strings.HasSuffix(name, "TTL") {
		left -= c.srv.store.nowMillis()
	}
	if !strings.HasPrefix(name, "P") {
		left = (left + 500) / 1000
	}
	c.out.Int(max(0, left))
}

// keyExpire answers EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT.
func keyExpire(c *conn, d *database, args [][]byte) {
	name := strings.ToUpper(string(args[0]))
	n, ok := resp.ParseInt(args[2])
	if !ok {
		c.out.Error(resp.ErrNotInteger)
		return
	}
	if n > maxTimestamp/1000 || n < -maxTimestamp/1000 {
		c.out.Error(resp.Error("ERR invalid expire time in '" + c.running.name + "' command"))
		return
	}
	if !strings.HasPrefix(name, "P") {
		n *= 1000
	}
	st := c.srv.store
	if !strings.HasSuffix(name, "AT") {
		n += st.nowMillis()
	}
	key := string(args[1])
	allowed, known := mayExpire(d.ttl.at[key], n, args[3:])
	switch {
	case !known:
		c.out.Error(resp.Error("ERR Unsupported option " + string(args[3])))
		return
	case !allowed || !d.has(args[1]):
		c.out.Int(0)
		return
	}
	if n <= st.nowMillis() {
		st.dropKey(d, key)
	} else {
		d.ttl.set(key, n)
		d.changed(key)
		st.lookAgain(d, key)
	}
	c.out.Int(1)
}

// lookAgain is for EXPIRE, after which RediSearch looks at a document again, and
// twice at a hash, and counts it each time if it is bad.
func (st *store) lookAgain(d *database, key string) {
	if doc := d.docs[key]; doc != nil {
		st.reindex(d, doc)
	}
	st.syncHash(d, key)
	st.syncHash(d, key)
}

// mayExpire weighs NX, XX, GT and LT; now is the present deadline, 0 none.
func mayExpire(now, at int64, opts [][]byte) (allowed, known bool) {
	allowed = true
	for _, o := range opts {
		switch {
		case resp.IsWord(o, "NX"):
			allowed = allowed && now == 0
		case resp.IsWord(o, "XX"):
			allowed = allowed && now != 0
		case resp.IsWord(o, "GT"):
			allowed = allowed && now != 0 && at > now
		case resp.IsWord(o, "LT"):
			allowed = allowed && (now == 0 || at < now)
		default:
			return false, false
		}
	}
	return allowed, true
}

func keyPersist(c *conn, d *database, args [][]byte) {
	key := string(args[1])
	c.out.Bool(d.ttl.at[key] != 0)
	if d.ttl.at[key] != 0 {
		d.ttl.set(key, 0)
		d.changed(key)
	}
}

// glob matches a key with Redis' pattern language: * ? [a-c] [^a] and \x.
// It remembers the last star only, so it cannot blow up.
func glob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			star, mark = p, i
			p++
			continue
		}
		if n, ok := globOne(pattern[p:], s[i]); ok {
			p += n
			i++
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		p, i = star+1, mark
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// globOne matches one byte and tells how much of the pattern that took.
func globOne(p string, c byte) (int, bool) {
	if p == "" {
		return 0, false
	}
	switch p[0] {
	case '?':
		return 1, true
	case '\\':
		if len(p) > 1 {
			return 2, p[1] == c
		}
	case '[':
		return globSet(p, c)
	}
	return 1, p[0] == c
}

func globSet(p string, c byte) (int, bool) {
	i, not, hit := 1, false, false
	if i < len(p) && p[i] == '^' {
		not = true
		i++
	}
	for ; i < len(p) && p[i] != ']'; i++ {
		if p[i] == '\\' && i+1 < len(p) {
			i++
		}
		if i+2 < len(p) && p[i+1] == '-' && p[i+2] != ']' {
			lo, hi := min(p[i], p[i+2]), max(p[i], p[i+2])
			hit = hit || c >= lo && c <= hi
			i += 2
			continue
		}
		hit = hit || p[i] == c
	}
	return min(i+1, len(p)), hit != not
}
