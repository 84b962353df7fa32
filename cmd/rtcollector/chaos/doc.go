// Package chaos has tests only: the agent with everything that it can collect here, against a server that fails in all the ways that we can
// think of.
//
//   - ledger_test.go: the ledger, which proves for every sample that it was written, or counted as lost.
//   - faults_test.go: what goes wrong.
//   - chaos_test.go: the campaign, "make chaos".
//   - soak_test.go: things that come and go, while memory, descriptors and goroutines stay flat, "make soak".
package chaos
