package emulator

import (
	"fmt"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// seller is who a world belongs to, in one region.
type seller struct {
	number       int // among the emulator's sellers, from 0
	sellerID     string
	storeName    string
	region       marketplace.Region
	marketplaces []marketplace.Marketplace // the first is the main one
	created      time.Time
}

// sizes are what worlds are made by.
type sizes struct {
	seed     int64
	orders   int // at the beginning
	products int
	days     int // over which the orders of the beginning are spread
}

// check bounds a world. The upper bounds only keep a slip of the pen from taking all memory.
func (s sizes) check() error {
	if s.orders < 0 || s.products < 1 || s.days < 1 || s.orders > 1e7 || s.products > 1e6 || s.days > 36500 {
		return fmt.Errorf("world of %d orders, %d products over %d days: want 0 to 10000000, 1 to 1000000 and 1 to 36500", s.orders, s.products, s.days)
	}
	return nil
}
