package search

import "github.com/rtcollector/rtcollector/internal/embedded/resp"

// arguments reads the arguments of a search command one after another.
type arguments struct{ left [][]byte }

func (a *arguments) isEmpty() bool { return len(a.left) == 0 }

// acceptWord consumes the next argument if it is this keyword.
func (a *arguments) acceptWord(word string) bool {
	if a.isEmpty() || !resp.IsWord(a.left[0], word) {
		return false
	}
	a.left = a.left[1:]
	return true
}

func (a *arguments) takeNext() string {
	word := string(a.left[0])
	a.left = a.left[1:]
	return word
}

// takeList reads a count and as many arguments. The error names the option.
func (a *arguments) takeList(option string) ([]string, resp.Error) {
	if a.isEmpty() {
		return nil, badArgument(option, noArgument)
	}
	n, ok := resp.ParseInt(a.left[0])
	if !ok {
		return nil, badArgument(option, notANumber)
	}
	if n < 0 {
		return nil, badArgument(option, outOfBounds)
	}
	if n >= int64(len(a.left)) {
		return nil, badArgument(option, noArgument)
	}
	list := resp.Strings(a.left[1 : n+1])
	a.left = a.left[n+1:]
	return list, ""
}

// takeText reads one argument. The error names the option.
func (a *arguments) takeText(option string) (string, resp.Error) {
	if a.isEmpty() {
		return "", badArgument(option, noArgument)
	}
	return a.takeNext(), ""
}
