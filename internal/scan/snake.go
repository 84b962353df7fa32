package scan

import "strings"

// ToSnakeCase converts one of the kernel's names to lower-case words with underscores: "InNoRoutes" and "In(NoRoutes)"
// become "in_no_routes", and "OFOQueue" becomes "ofo_queue". Digits belong to the word before them.
func ToSnakeCase(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		upper, letter := isUpper(c), isUpper(c) || c >= 'a' && c <= 'z'
		if !letter && (c < '0' || c > '9') {
			c = '_'
		}
		startsWord := upper && i > 0 && (!isUpper(name[i-1]) || i+1 < len(name) && name[i+1] >= 'a' && name[i+1] <= 'z')
		if (startsWord || c == '_') && b.Len() > 0 && !strings.HasSuffix(b.String(), "_") {
			b.WriteByte('_')
		}
		if c != '_' {
			b.WriteString(strings.ToLower(string(rune(c))))
		}
	}
	return strings.TrimSuffix(b.String(), "_")
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
