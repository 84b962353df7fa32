package sysloginput

import "log/slog"

// lineWriter calls a function with each line of a log.
type lineWriter func(line string)

func (f lineWriter) Write(line []byte) (int, error) {
	f(string(line))
	return len(line), nil
}

func slogTo(f func(line string)) *slog.Logger {
	return slog.New(slog.NewTextHandler(lineWriter(f), nil))
}
