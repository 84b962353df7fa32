// Package all lists the kinds of secret stores in the program. The list is explicit: nothing registers itself.
package all

//go:generate go run ../../internal/tools/genlist -kind secrets
