package catalog

// Stateful is implemented by configurations of components that keep files.
type Stateful interface {
	StateFiles() []string // paths of files or folders; they may not exist yet
}
