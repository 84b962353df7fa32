//go:build !unix

package httpresponse

func cpuTime() int64 { return 0 }
