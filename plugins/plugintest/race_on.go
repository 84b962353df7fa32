//go:build race

package plugintest

// underRace says that the race detector is on: it allocates, so that budgets mean nothing.
const underRace = true
