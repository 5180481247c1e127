//go:build race

package feeds_test

const raceDetector = true
