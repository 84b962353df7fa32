package bpf

//go:generate go run ../tools/genbpf
