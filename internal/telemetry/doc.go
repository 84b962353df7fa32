// Package telemetry holds the data that flows through the agent: series, batches of samples, and events.
//
// An input makes a [Series] when it first sees an entity (a core, a disk, a container) and keeps the handle. From then on a
// sample costs one append to a [Batch]. Nothing here knows YAML, Redis or the schedule.
//
//   - series.go: [Series], and [Factory], which makes the series of an input. memo.go: what outputs cache for a series.
//   - batch.go: [Batch]. bounds.go: which samples a batch rejects. idle.go: counters that never move.
//   - rate.go, growth.go: [Total], [Rate] and [Growth] turn readings of counters into rates.
//   - vec.go: [Vec] keeps the handles of entities that come and go. lifetime.go: series that end or are ephemeral.
//   - description.go: series that were stored, made again.
//   - event.go, field.go: [Event] and its typed fields.
package telemetry
