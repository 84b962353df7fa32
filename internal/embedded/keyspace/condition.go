package keyspace

// Condition restricts a write: NX to keys that do not exist, XX to those that do.
// The values are bits, so that both can be given, which is a mistake.
type Condition uint8

const (
	// Always is no condition.
	Always Condition = iota
	// OnlyNew is NX.
	OnlyNew
	// OnlyExisting is XX.
	OnlyExisting
)
