//go:build !race

package spapi_test

const raceDetector = false
