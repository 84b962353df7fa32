package env_test

import (
	"testing"

	"github.com/rtcollector/rtcollector/secrets/env"
	"github.com/rtcollector/rtcollector/secrets/secretstest"
)

func TestConformance(t *testing.T) {
	t.Setenv("SECRET_REDIS_MAIN_PASSWORD", "hunter2-env")
	t.Setenv("MY_A.B", "hunter2-own")
	secretstest.Run(t, secretstest.Case{Definition: env.Plugin, ID: "redis/main-password", Value: "hunter2-env", Missing: "other"})
	secretstest.Run(t, secretstest.Case{Definition: env.Plugin, Config: "prefix: MY_", ID: "a.b", Value: "hunter2-own", Missing: "such"})
}
