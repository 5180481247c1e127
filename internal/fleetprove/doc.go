// Package fleetprove shows what limits and tokens that processes share come to: real processes, a real redis-server and a model of Amazon, in real
// time, with each of the failures that docs/fleet.md tells of. It has tests alone; make prove-fleet takes all rows and prints the table of that page.
package fleetprove
