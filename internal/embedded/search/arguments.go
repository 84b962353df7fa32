package search

import "github.com/rtcollector/rtcollector/internal/embedded/resp"

// arguments reads the arguments of a search command one after another.
type arguments struct{ left [][]byte }

func (rest *arguments) isEmpty() bool { return len(rest.left) == 0 }

// take consumes the next argument if it is this keyword.
func (rest *arguments) take(word string) bool {
	if rest.isEmpty() || !resp.IsWord(rest.left[0], word) {
		return false
	}
	rest.left = rest.left[1:]
	return true
}

func (rest *arguments) next() string {
	word := string(rest.left[0])
	rest.left = rest.left[1:]
	return word
}

// list reads a count and as many arguments. The error names the option.
func (rest *arguments) list(option string) ([]string, resp.Error) {
	if rest.isEmpty() {
		return nil, badArgument(option, noArgument)
	}
	n, ok := resp.ParseInt(rest.left[0])
	if !ok {
		return nil, badArgument(option, notANumber)
	}
	if n < 0 {
		return nil, badArgument(option, outOfBounds)
	}
	if n >= int64(len(rest.left)) {
		return nil, badArgument(option, noArgument)
	}
	list := resp.Strings(rest.left[1 : n+1])
	rest.left = rest.left[n+1:]
	return list, ""
}

// text reads one argument. The error names the option.
func (rest *arguments) text(option string) (string, resp.Error) {
	if rest.isEmpty() {
		return "", badArgument(option, noArgument)
	}
	return rest.next(), ""
}
