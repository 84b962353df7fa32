package observe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
)

// Theme has the styles of what can happen. Every kind of event also has a sign of its own, so nothing depends on colours.
type Theme struct {
	Connect, Close, Failed, Alert, Bar tui.Style
}

// themes are the themes by their names. The colours of "colour-blind" are those of Okabe and Ito: blue, orange and vermilion,
// which people with any kind of colour blindness tell apart.
func themes() map[string]Theme {
	return map[string]Theme{
		"default":      {Connect: tui.Good, Close: tui.Dim, Failed: tui.Warn, Alert: "1;31", Bar: tui.Accent},
		"colour-blind": {Connect: "38;5;32", Close: tui.Dim, Failed: "38;5;214", Alert: "1;38;5;166", Bar: "38;5;32"},
		"mono":         {Connect: tui.Plain, Close: tui.Dim, Failed: tui.Plain, Alert: tui.Strong, Bar: tui.Plain},
	}
}

// ParseTheme returns the theme with a name.
func ParseTheme(name string) (Theme, error) {
	known := []string{"default", "colour-blind", "mono"}
	if name == "color-blind" || name == "colorblind" {
		name = "colour-blind"
	}
	if !slices.Contains(known, name) {
		return Theme{}, fmt.Errorf("must be one of %s", strings.Join(known, ", "))
	}
	return themes()[name], nil
}
