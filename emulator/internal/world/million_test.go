package world

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

func BenchmarkMillion(b *testing.B) {
	sizes := Sizes{Seed: 1, Orders: 1000000, Products: 60, Days: 60}
	var w *World
	b.Run("ready", func(b *testing.B) {
		for b.Loop() {
			w = New(sizes, testSeller(b))
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB")
		b.ReportMetric(float64(w.index.updates.Len()), "moments")
	})
	now := testSeller(b).Created
	for name, f := range map[string]OrderFilter{
		"created": {CreatedAfter: now.AddDate(-1, 0, 0)}, "updated": {UpdatedAfter: now.AddDate(0, 0, -40)},
		"partly":         {CreatedAfter: now.AddDate(-1, 0, 0), Statuses: []string{PartiallyShipped}},
		"updated partly": {UpdatedAfter: now.AddDate(-1, 0, 0), Statuses: []string{PartiallyShipped}},
		"updated cod":    {UpdatedAfter: now.AddDate(-1, 0, 0), Traits: func(t Traits) bool { return t.Payment == "COD" }},
		"pickup store":   {CreatedAfter: now.AddDate(-1, 0, 0), Traits: func(t Traits) bool { return t.Pickup && t.Marketplace == "A1AM78C64UM0Y8" }, Store: "STORE-365"},
	} {
		b.Run(name, func(b *testing.B) {
			place := 0
			for b.Loop() {
				_, place = w.Page(f, now, place, 100)
			}
		})
	}
	b.Run("by id", func(b *testing.B) {
		ids := make([]string, 1000)
		for i := range ids {
			ids[i] = w.orderID(rand.IntN(1000000))
		}
		i := 0
		for b.Loop() {
			i++
			if w.OrderByID(ids[i%1000], now) == nil {
				b.Fatal(ids[i%1000])
			}
		}
	})
	b.Run("life", func(b *testing.B) {
		m, o := w.newMaker(), &Order{}
		i := 0
		for b.Loop() {
			i++
			m.life(i%1000000, o, 0)
		}
	})
	b.Run("advance", func(b *testing.B) {
		for b.Loop() {
			now = now.Add(time.Hour)
			w.Advance(now)
		}
	})
}
