// Package recordings holds the emulator against what was recorded of the real service. It holds tests only.
//
// Each row of testdata/recordings.csv is one situation and its answer, with its source; a row is named by its line in that file. It has either a
// check that makes the situation in the emulator and compares the answer, or a line in testdata/open.csv with the reason why the emulator doesn't
// agree, or why that can't be told. "go test -v -run TestRecordings" prints how many agree, and the reasons of the others.
package recordings
