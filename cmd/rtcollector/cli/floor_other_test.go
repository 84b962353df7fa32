//go:build !linux

package cli_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const runAsFloor = "RTC_TEST_BE_THE_FLOOR"

func runFloor(string) {}

func startFloor(b *testing.B, _ int, _ *redis.Client, _ string) (pid, thread int) {
	b.Skip("the floor makes system calls of Linux")
	return 0, 0
}

func threadTime(*testing.B, int, int) time.Duration { return 0 }
