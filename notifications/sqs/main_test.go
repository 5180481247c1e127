package sqs_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if url := os.Getenv("SPAPI_TEST_CONSUMER"); url != "" {
		consumeUntilKilled(url)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
