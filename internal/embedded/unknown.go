package embedded

import (
	"fmt"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// unknownCommand returns Redis' error for a command that is not served.
func unknownCommand(args [][]byte) resp.Error {
	const quoted = 128
	var b strings.Builder
	fmt.Fprintf(&b, "ERR unknown command '%.*s', with args beginning with: ", quoted, args[0])
	start := b.Len()
	for _, a := range args[1:] {
		left := quoted - (b.Len() - start)
		if left <= 0 {
			break
		}
		fmt.Fprintf(&b, "'%.*s' ", left, a)
	}
	return resp.Error(b.String())
}
