// Package all lists the inputs that the program has. The list is explicit: nothing registers itself.
package all

//go:generate go run ../../internal/tools/genlist -kind plugins
//go:generate go run ../../internal/tools/gendocs
