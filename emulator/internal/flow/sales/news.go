package sales

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

type object = format.Object

// The types of notifications about hours. They come at the top of each hour, about the hour before.
const (
	trafficOfHour   = "DETAIL_PAGE_TRAFFIC_EVENT"
	salesOfHour     = "ITEM_SALES_EVENT_CHANGE"
	inventoryOfHour = "ITEM_INVENTORY_EVENT_CHANGE"
)

// maxHourItems is how many items a message has at most: Amazon spreads an hour over several, and tells not by how many.
const maxHourItems = 100

var news = map[string]desk.NewsSource{
	trafficOfHour: {Since: func(a *desk.Seller, after, until time.Time) []desk.News {
		ends := world.HoursIn(after, until)
		if len(ends) == 0 {
			return nil
		}
		return hoursNews(a, trafficOfHour, ends, desk.WorldAt(a, until).TrafficByHour(ends))
	}, About: aboutHour(trafficOfHour, func(w *world.World, _ string, ends []time.Time) []world.HourItem { return w.TrafficByHour(ends)[0] })},
	salesOfHour: {Since: func(a *desk.Seller, after, until time.Time) []desk.News {
		ends := world.HoursIn(after, until)
		if len(ends) == 0 {
			return nil
		}
		return hoursNews(a, salesOfHour, ends, desk.WorldAt(a, until).SalesByHour(ends))
	}, About: aboutHour(salesOfHour, func(w *world.World, _ string, ends []time.Time) []world.HourItem { return w.SalesByHour(ends)[0] })},
	inventoryOfHour: {Since: inventorySince, About: aboutHour(inventoryOfHour, func(w *world.World, asin string, ends []time.Time) []world.HourItem {
		w.RLock()
		defer w.RUnlock()
		return w.StockOf(map[string]bool{asin: true}, ends[0], nil, nil)
	})},
}

// hourEntries make what a message has of an item, and hourLists name the list.
var (
	hourLists   = map[string]string{trafficOfHour: "detailPageTrafficEvents", salesOfHour: "itemSalesEventChanges", inventoryOfHour: "itemInventoryEventChanges"}
	hourEntries = map[string]func(object, *world.HourItem){
		trafficOfHour: func(o object, it *world.HourItem) { o["glanceViews"] = it.Units },
		salesOfHour: func(o object, it *world.HourItem) {
			currency := it.Marketplace.Currency
			o["currencyCode"], o["orderedUnits"], o["orderedRevenue"] = currency, it.Units, world.Money{Units: it.Amount, Currency: currency}.Number()
		},
		inventoryOfHour: func(o object, it *world.HourItem) { o["highlyAvailableInventory"] = it.Units },
	}
)

// hoursNews are messages about hours, by their ends.
func hoursNews(a *desk.Seller, kind string, ends []time.Time, items [][]world.HourItem) []desk.News {
	var list []desk.News
	for i, end := range ends {
		for part := range slices.Chunk(items[i], maxHourItems) {
			list = append(list, hourNews(a, kind, end, part))
		}
	}
	return list
}

func hourNews(a *desk.Seller, kind string, at time.Time, items []world.HourItem) desk.News {
	return desk.News{Type: kind, At: at, Make: func() object {
		list := make([]object, len(items))
		for i := range items {
			it := &items[i]
			list[i] = object{
				"accountId": "amzn1.merchant.o." + a.ID, "marketplaceId": it.Marketplace.ID, "asin": it.ASIN,
				"startTime": format.Timestamp(it.Start), "endTime": format.Timestamp(it.Start.Add(time.Hour)),
			}
			hourEntries[kind](list[i], it)
		}
		return object{hourLists[kind]: list}
	}}
}

// hourFigures are those of hours, by their ends, of an item at least.
type hourFigures func(w *world.World, asin string, ends []time.Time) []world.HourItem

// aboutHour tells of the last whole hour of one item.
func aboutHour(kind string, of hourFigures) func(*desk.Seller, map[string]string, time.Time) (desk.News, error) {
	return func(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error) {
		w, l, m, err := a.AboutListing(about)
		if err != nil {
			return desk.News{}, err
		}
		w.RLock()
		asin := l.Product.ASIN
		w.RUnlock()
		end := now.UTC().Truncate(time.Hour)
		start := end.Add(-time.Hour)
		it := world.HourItem{Start: start, Marketplace: m, ASIN: asin} // with nothing sold or seen
		for _, found := range of(w, asin, []time.Time{end}) {
			if found.ASIN == asin && found.Marketplace == m && found.Start.Equal(start) {
				it = found
			}
		}
		n := hourNews(a, kind, now, []world.HourItem{it})
		n.Payload, n.Make = n.Make(), nil
		return n, nil
	}
}

// stockHours has, of the stock at Amazon, which items have changed in the hour that is under way. It is held for a moment, also under the world's lock.
type stockHours struct {
	mu      sync.Mutex
	end     time.Time // of the hour
	changed map[string]bool
	told    []stockHour // hours that have ended
}

type stockHour struct {
	end   time.Time
	items []world.HourItem
}

// stockHoursState is what an export keeps of it, between two looks.
type stockHoursState struct {
	End     time.Time `json:"end"`
	Changed []string  `json:"changed"` // ASINs
}

var stockHourStore = &desk.Store[*stockHours]{
	Name:   "stock_hours",
	Create: func(*desk.Seller) *stockHours { return &stockHours{changed: map[string]bool{}} },
	Save: func(s *stockHours) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.changed) == 0 {
			return nil, nil
		}
		return stockHoursState{s.end, slices.Sorted(maps.Keys(s.changed))}, nil
	},
	Load: func(s *stockHours, raw json.RawMessage) error {
		var state stockHoursState
		if err := json.Unmarshal(raw, &state); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.end = state.End
		for _, asin := range state.Changed {
			s.changed[asin] = true
		}
		return nil
	},
}

// watch notes of which items the stock at Amazon changes.
func watch(a *desk.Seller, w *world.World, c world.Change) {
	if c.Was.AtAmazon() == c.Now.AtAmazon() && (c.Stock || c.Was != nil && c.Was.Product.ASIN == c.Now.Product.ASIN) || !a.Wants(inventoryOfHour) {
		return
	}
	s := stockHourStore.Of(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.At.Before(s.end) {
		s.close(w, c.Was, c.Now)
		s.end = c.At.UTC().Truncate(time.Hour).Add(time.Hour)
	}
	s.changed[c.Now.Product.ASIN] = true
	if c.Was != nil {
		s.changed[c.Was.Product.ASIN] = true
	}
}

// close ends the hour, with the stock as it is but for a listing that has changed since. It wants s.mu and the world's lock held.
func (s *stockHours) close(w *world.World, was, now *world.Listing) {
	if len(s.changed) > 0 {
		s.told = append(s.told, stockHour{s.end, w.StockOf(s.changed, s.end, was, now)})
		s.changed = map[string]bool{}
	}
}

func inventorySince(a *desk.Seller, _, until time.Time) (list []desk.News) {
	w := desk.WorldAt(a, until)
	w.RLock()
	defer w.RUnlock()
	s := stockHourStore.Of(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !until.Before(s.end) {
		s.close(w, nil, nil)
	}
	rest := s.told[:0]
	for _, h := range s.told {
		if h.end.After(until) {
			rest = append(rest, h)
			continue
		}
		list = append(list, hoursNews(a, inventoryOfHour, []time.Time{h.end}, [][]world.HourItem{h.items})...)
	}
	clear(s.told[len(rest):])
	s.told = rest
	return list
}
