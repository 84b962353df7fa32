// Package telemetry holds the data that flows through the agent: series, batches of samples, and events.
//
// A plugin builds a [Series] when it first sees a thing (a core, a disk, a container) and keeps the handle;
// from then on a sample costs one append to a [Batch]. Nothing here knows YAML, Redis or the scheduler.
package telemetry
