//go:build !unix

package benchpeer

import "time"

// processorTime is not known here.
func processorTime() time.Duration { return 0 }
