package embedded

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const errWrongPassword = resp.Error("WRONGPASS invalid username-password pair or user is disabled.")

// login checks the name and password of a client.
func (c *conn) login(user, password []byte) resp.Error {
	if c.server.cfg.Password == "" {
		if resp.IsWord(user, "DEFAULT") {
			return ""
		}
		return errWrongPassword
	}
	// The hashes have equal lengths, so the time does not reveal the length of the
	// password.
	got, want := sha256.Sum256(password), sha256.Sum256([]byte(c.server.cfg.Password))
	isEqual := subtle.ConstantTimeCompare(got[:], want[:]) == 1
	if string(user) != "default" || !isEqual {
		return errWrongPassword
	}
	c.authenticated, c.in.Authenticated = true, true
	return ""
}

func (c *conn) runAuth(args [][]byte) {
	user := []byte("default")
	switch {
	case len(args) > 3:
		c.Fail(resp.ErrSyntax)
		return
	case len(args) == 3:
		user = args[1]
	case c.server.cfg.Password == "":
		c.Fail("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
		return
	}
	if !c.Fail(c.login(user, args[len(args)-1])) {
		c.Out.OK()
	}
}

func (c *conn) runHello(args [][]byte) {
	resp3, name := c.Out.RESP3, c.name
	if len(args) > 1 {
		version, ok := resp.ParseInt(args[1])
		if !ok || version != 2 && version != 3 {
			c.Fail("NOPROTO unsupported protocol version")
			return
		}
		resp3 = version == 3
	}
	for rest := args[min(2, len(args)):]; len(rest) > 0; {
		switch {
		case resp.IsWord(rest[0], "AUTH") && len(rest) > 2:
			if c.Fail(c.login(rest[1], rest[2])) {
				return
			}
			rest = rest[3:]
		case resp.IsWord(rest[0], "SETNAME") && len(rest) > 1:
			if name, rest = string(rest[1]), rest[2:]; !isClientName(name) {
				c.Fail(errClientName)
				return
			}
		default:
			c.Fail(resp.Error("ERR Syntax error in HELLO option '" + string(rest[0]) + "'"))
			return
		}
	}
	if !c.authenticated {
		c.Fail("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
		return
	}
	c.name, c.Out.RESP3 = name, resp3
	c.push.setRESP3(resp3)
	c.writeHello()
}

func (c *conn) writeHello() {
	version := int64(2)
	if c.Out.RESP3 {
		version = 3
	}
	c.Out.Map(7)
	for _, pair := range [][2]string{{"server", "redis"}, {"version", redisVersion}, {"mode", "standalone"}, {"role", "master"}} {
		c.Out.Bulk(pair[0])
		c.Out.Bulk(pair[1])
	}
	c.Out.Bulk("proto")
	c.Out.Int(version)
	c.Out.Bulk("id")
	c.Out.Int(c.id)
	c.Out.Bulk("modules")
	c.writeModules()
}
