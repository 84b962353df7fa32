//go:build race

package plugintest

// underRace reports whether the race detector is on. It allocates, so that budgets cannot be checked.
const underRace = true
