package producttypes

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/random"
)

// definitionsChange is the type of the notification that tells of new product types, or new versions of them.
const definitionsChange = "PRODUCT_TYPE_DEFINITIONS_CHANGE"

var news = map[string]desk.NewsSource{definitionsChange: {About: func(a *desk.Seller, _ map[string]string, now time.Time) (desk.News, error) {
	return versionNews(a, current(a.Desk), now), nil
}}}

func versionNews(a *desk.Seller, version string, at time.Time) desk.News {
	return desk.News{Type: definitionsChange, At: at, Payload: object{"AccountId": a.ID, "ProductTypeVersion": version}} // of all marketplaces
}

// versions counts the versions that have been published after the first: all definitions have the same.
type versions struct {
	mu sync.Mutex
	n  int
}

const maxVersions = 1e6

var versionStore = &desk.Store[*versions]{
	Name: "product_types", Shared: true,
	Create: func(*desk.Seller) *versions { return &versions{} },
	Save: func(v *versions) (any, error) {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.n == 0 {
			return nil, nil
		}
		return v.n, nil
	},
	Load: func(v *versions, raw json.RawMessage) error {
		v.mu.Lock()
		defer v.mu.Unlock()
		if err := json.Unmarshal(raw, &v.n); err != nil {
			return err
		}
		if v.n < 0 || v.n > maxVersions {
			return fmt.Errorf("versions %d: want 0 to %d", v.n, int(maxVersions))
		}
		return nil
	},
}

func versionOf(d *desk.Desk, n int) string {
	if n == 0 {
		return firstVersion
	}
	return d.Seed.Of("product type version", n).Text(random.Base36, 32)
}

// current is the latest version.
func current(d *desk.Desk) string {
	v := versionStore.At(d)
	v.mu.Lock()
	defer v.mu.Unlock()
	return versionOf(d, v.n)
}

// isVersion tells whether there is, or was, a version.
func isVersion(d *desk.Desk, version string) bool {
	v := versionStore.At(d)
	v.mu.Lock()
	defer v.mu.Unlock()
	for n := v.n; n >= 0; n-- {
		if versionOf(d, n) == version {
			return true
		}
	}
	return false
}

// Publish publishes a new version of all definitions, and returns it.
func Publish(d *desk.Desk, now time.Time) string {
	v := versionStore.At(d)
	v.mu.Lock()
	v.n++
	version := versionOf(d, v.n)
	v.mu.Unlock()
	for _, a := range d.AllSellers() {
		a.Tell(versionNews(a, version, now))
	}
	return version
}
