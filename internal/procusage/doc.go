// Package procusage adds up what the processes of a host use, by groups that its users choose.
//
// The sum of the CPU time of the processes that exist falls when one of them ends. So this package counts growth: what a process used
// since it was last looked at is added to the [Totals] of its groups, which never fall. What is there at one moment, such as memory, is
// summed anew at every look.
//
//   - counters.go: [Counters] of a process or a group, and what is known of each. memory.go: [Memory], from smaps_rollup.
//   - watcher.go: [Watcher] looks at all processes. member.go: what it remembers of each.
//   - groups.go: [Groups] and [Totals].
//   - details.go: which processes are read in detail, and when. read.go: the files below /proc/PID.
//   - kernel.go: what eBPF programs add: processes that start and end between two looks, bytes on the network and on disks.
package procusage
