package redistest

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// Hostile returns replies that make a trusting decoder crash or allocate gigabytes. A hostile peer repeats them for ever.
func Hostile() map[string]string {
	return map[string]string{
		"text":             "$999999999999\r\n",
		"text of 400 MB":   "$400000000\r\n",
		"array":            "*2147483647\r\n",
		"array of 4 GB":    "*250000000\r\n",
		"map":              "%2147483647\r\n",
		"map of 4 GB":      "%40000000\r\n",
		"set":              "~2147483647\r\n",
		"push":             ">2147483647\r\n",
		"endless nesting":  strings.Repeat("*1\r\n", 4096),
		"arrays of arrays": strings.Repeat("*10000\r\n", 4096),
		"maps of maps":     strings.Repeat("%10000\r\n+key\r\n", 4096),
		"endless line":     strings.Repeat("+", 16384),
		"attributes":       strings.Repeat("|0\r\n", 4096),
		"long errors":      "-ERR " + strings.Repeat("e", 16_000) + "\r\n",
		"longer errors":    "-ERR " + strings.Repeat("e", 60_000) + "\r\n",
		"long texts":       "*4096\r\n" + strings.Repeat("$65536\r\n"+strings.Repeat("t", 65536)+"\r\n", 64),
		"numbers":          "*16000\r\n" + strings.Repeat(":1\r\n", 16000),
		"refusals":         "*16000\r\n" + strings.Repeat("-ERR TSDB: the key is not a TSDB key\r\n", 16000),
		"status":           strings.Repeat("+OK\r\n", 4096),
		"blob error":       "!999999999999\r\n",
		"negative":         "*-2147483648\r\n$-2147483648\r\n",
	}
}

// ListenHostile serves a peer that repeats this text for ever. If polite, it answers greetings correctly first. It returns the peer's
// address.
func ListenHostile(t testing.TB, text string, polite bool) string {
	t.Helper()
	if !polite {
		return servicetest.ServeEndlessly(t, text, nil)
	}
	return servicetest.ServeEndlessly(t, text, func(conn net.Conn) error {
		from := bufio.NewReader(conn)
		for {
			command, err := readCommand(from)
			if err != nil || greetings[command] == "" {
				return err
			}
			if _, err := io.WriteString(conn, greetings[command]); err != nil {
				return err
			}
		}
	})
}

// greetings holds the replies to the first commands of a client.
var greetings = map[string]string{
	"HELLO": "-ERR unknown command 'HELLO'\r\n", "CLIENT": "+OK\r\n", "AUTH": "+OK\r\n", "SELECT": "+OK\r\n", "PING": "+PONG\r\n",
}

// readCommand reads a command and returns its name.
func readCommand(r *bufio.Reader) (name string, err error) {
	number := func() int {
		line, e := r.ReadString('\n')
		n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimLeft(line, "*$")))
		err = e
		return n
	}
	for i := range number() {
		n := number()
		if err != nil {
			return "", err
		}
		text := make([]byte, n+2)
		if _, err := io.ReadFull(r, text); err != nil {
			return "", err
		}
		if i == 0 {
			name = strings.ToUpper(string(text[:n]))
		}
	}
	return name, err
}
