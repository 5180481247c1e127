package accounts

import (
	"errors"
	"strings"
	"testing"
	"time"

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

// Times are kept in whole seconds UTC, so that they compare alike out of every store.
func TestCleanSettlesTimes(t *testing.T) {
	at := time.Date(2027, 3, 1, 12, 0, 0, 999, time.FixedZone("", 3600))
	want := time.Date(2027, 3, 1, 11, 0, 0, 0, time.UTC)
	application := testApplication()
	application.SecretExpires, application.Created, application.Updated = at, at, at
	application, err := application.Clean()
	if err != nil || application.SecretExpires != want || application.Created != want || application.Updated != want {
		t.Errorf("%v, %v", application, err)
	}
	account := testAccount("shop")
	account.Created, account.Updated = at, at
	account, err = account.Clean()
	if err != nil || account.Created != want || account.Updated != want {
		t.Errorf("%v, %v", account, err)
	}
}
