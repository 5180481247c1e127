package sellers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// statusChanged is the type of the notification that tells how a seller's account stands.
const statusChanged = "ACCOUNT_STATUS_CHANGED"

var news = map[string]desk.NewsSource{statusChanged: {About: func(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error) {
	m, err := a.AboutMarketplace(about)
	if err != nil {
		return desk.News{}, err
	}
	return statusNews(world.Normal, a.World().Standing(m.ID), now), nil
}}}

func statusNews(before, after string, at time.Time) desk.News {
	return desk.News{Type: statusChanged, At: at, Payload: object{"accountStatusChangeNotification": object{
		"previousAccountStatus": before, "currentAccountStatus": after,
	}}}
}

// SetStatus brings a seller's account in a marketplace, "" for the main one, into a status. The error names what is wrong.
func SetStatus(a *desk.Seller, marketplaceID, status string, now time.Time) error {
	if !slices.Contains(world.Standings, status) {
		return fmt.Errorf("status %q: want %s", status, strings.Join(world.Standings, ", "))
	}
	m, err := a.AboutMarketplace(map[string]string{"marketplace": marketplaceID})
	if err != nil {
		return err
	}
	if before := a.World().SetStanding(m, status, now); before != status {
		a.Tell(statusNews(before, status, now))
	}
	return nil
}

// suspended tells whether the seller's listings in a marketplace can't be bought, because of the account.
func suspended(a *desk.Seller, marketplaceID string) bool {
	return a.HasWorld() && a.World().Standing(marketplaceID) == world.Deactivated
}
