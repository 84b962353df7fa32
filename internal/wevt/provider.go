package wevt

import (
	"html"
	"regexp"
)

// provider matches the name of the provider in a rendered event. EvtRender writes attributes in single quotes.
var provider = regexp.MustCompile(`<Provider\s+Name=(?:'([^']*)'|"([^"]*)")`)

// providerName returns the name of the provider of a rendered event, or "".
func providerName(xml string) string {
	m := provider.FindStringSubmatch(xml)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1] + m[2])
}
