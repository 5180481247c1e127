package pages

import (
	"fmt"

	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
)

// Counted tells that fewer rows were written than the service says there are, and why. That it gives none of them is an error.
func Counted(f *factory.Factory, n, limit int, total int64, noun string) error {
	switch {
	case int64(n) >= total:
	case n == 0:
		return fmt.Errorf("the service says that there are %s, and gives none", output.Plural(total, noun))
	case limit > 0 && n >= limit:
		f.Notef("%d of %s: --limit shows more", n, output.Plural(total, noun))
	default: // Amazon cuts long searches off
		f.Notef("%d of %s: the service gives no more, a narrower search may", n, output.Plural(total, noun))
	}
	return nil
}
