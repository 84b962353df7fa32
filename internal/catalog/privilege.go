package catalog

// Privilege is what a component needs to be permitted for a part of what it does: capabilities of Linux (capabilities(7)).
type Privilege struct {
	Capabilities string // "CAP_BPF CAP_PERFMON": all of them
	Without      string // what is missing without them, for people
}

// Privileged is implemented by configurations of components that need more rights than every user has. With root's rights nothing is missing.
type Privileged interface {
	Privileges() []Privilege
}

// Starter is implemented by configurations of components that start programs of the user, which may need any right.
type Starter interface {
	StartsPrograms()
}
