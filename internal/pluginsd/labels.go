package pluginsd

import "strings"

const (
	maxLabelName  = 200 // bytes
	maxLabelValue = 800
)

// LabelName returns the name of a label with the characters that Netdata keeps, or "" if no other is left. Capitals become small letters.
func LabelName(s string) string {
	name := cleanLabel(strings.ToLower(s), maxLabelName, func(c rune) rune {
		switch {
		case c >= 0x80, strings.ContainsRune("+:@() ;=", c):
			return '_'
		}
		return keptEverywhere(c)
	})
	if strings.Trim(name, "_") == "" {
		return ""
	}
	return name
}

// LabelValue returns the value of a label with the characters that Netdata keeps. An empty value is "[none]".
func LabelValue(s string) string {
	value := cleanLabel(s, maxLabelValue, func(c rune) rune {
		switch {
		case c >= 0x80, strings.ContainsRune("+:@() ", c):
			return c
		case c == ';', c == '=':
			return ':'
		}
		return keptEverywhere(c)
	})
	if value == "" {
		return "[none]"
	}
	return value
}

// keptEverywhere returns what becomes of a character in both names and values.
func keptEverywhere(c rune) rune {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("_-./[]", c):
		return c
	case c == ',':
		return '.'
	case c == '\\':
		return '/'
	}
	return '_'
}

// cleanLabel trims a text, makes one blank of white and control characters that follow each other, replaces characters, and cuts what is too long.
func cleanLabel(s string, longest int, replace func(rune) rune) string {
	words := strings.FieldsFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f })
	cleaned := strings.Map(replace, strings.Join(words, " "))
	return strings.ToValidUTF8(cleaned[:min(len(cleaned), longest)], "")
}
