//go:build !linux

package cli

// dropProgramPages does nothing where it has not been tried.
func dropProgramPages() {}
