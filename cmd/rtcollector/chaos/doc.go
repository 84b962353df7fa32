// Package chaos has tests only: the agent with everything that it can collect here, against a server that fails in all the ways that we can
// think of.
//
// The campaign, "make chaos":
//
//   - chaos_test.go: the campaign and its variants.
//   - ledger_test.go: the ledger, which proves for every sample and every event that it was written, or counted as lost, or was in the memory of
//     an agent that was killed.
//   - process_test.go: the agent as a process of its own, which is killed. report_test.go: what it tells the ledger, before it queues anything.
//   - agent_test.go: how an agent is made. events_test.go: its numbered events, and how they are found on the server.
//   - faults_test.go: what goes wrong with the server and the network. servers_test.go: failover, and certificates that expire.
//   - namespace_test.go: interfaces that go away, and disks that are full or slow, in name spaces of the campaign. It needs root; without, the
//     campaign has the other faults.
//
// The soak, "make soak":
//
//   - soak_test.go: things that come and go, while memory, descriptors and goroutines stay flat.
package chaos
