//go:build !unix

package embedded

// infoCPU returns nothing, because this system does not tell.
func infoCPU() string { return "" }
