package accounts

import (
	"errors"
	"strings"
	"testing"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/settings"
)

// A name that is accepted stays as it is when it is given again, and one that is refused shows no secret.
func FuzzCleanName(f *testing.F) {
	for _, name := range []string{"shop", "e\u0301", "\u212a", "Atzr|x", "a\u2000b", "-", " ", "\xff", "店"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		clean, err := CleanName(name)
		if err != nil {
			var bad *spapi.ConfigError
			if !errors.As(err, &bad) || bad.Field != "account name" {
				t.Fatalf("%q: %T %v", name, err, err)
			}
			if settings.SecretShape(name) && strings.Contains(err.Error(), name) {
				t.Fatalf("%q: %v repeats it", name, err)
			}
			return
		}
		if again, err := CleanName(clean); err != nil || again != clean {
			t.Errorf("%q becomes %q, and that %q, %v", name, clean, again, err)
		}
		if clean == "" || len(clean) > maxName || settings.SecretShape(clean) || strings.ContainsAny(clean, "\n\x00") {
			t.Errorf("%q becomes %q", name, clean)
		}
	})
}
