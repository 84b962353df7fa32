//go:build race

package plugintest

// underRace reports whether the race detector is on. The detector allocates, so allocations cannot be checked.
const underRace = true
