package limits

import (
	"fmt"

	"github.com/openspapi/spapi/internal/cli/factory"
)

// shared is the limiter over which the command shares limits; nil where SPAPI_FLEET isn't set.
func shared(f *factory.Factory) (Shared, error) {
	shares, err := f.Fleet()
	if err != nil || shares == nil {
		return nil, err
	}
	s, ok := shares.Limiter.(Shared)
	if !ok {
		return nil, fmt.Errorf("the limiter %T doesn't show its limits", shares.Limiter)
	}
	return s, nil
}
