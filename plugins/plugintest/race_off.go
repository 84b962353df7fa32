//go:build !race

package plugintest

const underRace = false
