package world

import (
	"fmt"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// Seller is who a world belongs to, in one region.
type Seller struct {
	Number       int // among the emulator's sellers, from 0
	ID           string
	StoreName    string
	Region       marketplace.Region
	Marketplaces []marketplace.Marketplace // the first is the main one
	Created      time.Time
}

// Sizes are what worlds are made by.
type Sizes struct {
	Seed     int64
	Orders   int // at the beginning
	Products int
	Days     int // over which the orders of the beginning are spread
}

// Check bounds a world. The upper bounds only keep a slip of the pen from taking all memory.
func (s Sizes) Check() error {
	if s.Orders < 0 || s.Products < 1 || s.Days < 1 || s.Orders > 1e7 || s.Products > 1e6 || s.Days > 36500 {
		return fmt.Errorf("world of %d orders, %d products over %d days: want 0 to 10000000, 1 to 1000000 and 1 to 36500", s.Orders, s.Products, s.Days)
	}
	return nil
}
