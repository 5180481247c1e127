// Package handover has what sellers' APIs share that give packages of merchants' orders to a carrier: Easy Ship's slots and packages, what they cost,
// labels and the URLs of them.
package handover

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// Slot is a time at which Easy Ship would take a package. All of it travels in its id: nothing is kept of slots that are given out.
type Slot struct {
	ID          string
	Start, End  time.Time
	DropOff     bool
	Millimeters [3]int // of the package that it was given out for
	Grams       int
}

// What is wrong with the id of a slot.
var (
	ErrSlotInvalid = errors.New("is no slot of the order")
	ErrSlotExpired = errors.New("has begun")
	ErrSlotStale   = errors.New("was given out too long ago")
)

const (
	// slotLifetime is how long a slot can be chosen, if it doesn't begin before. Amazon publishes no time.
	slotLifetime = 24 * time.Hour
	// slotNotice is how long before its begin a slot is given out at the latest; assumed.
	slotNotice = time.Hour
	// latestHandover is how long after the purchase the carrier must have the package: LatestShipDate of orders v0.
	latestHandover = 72 * time.Hour
	// The largest package: 30 kg and 120 cm a side (Easy Ship's limits in India differ by program; these are assumed).
	mostGrams       = 30_000
	mostMillimeters = 1200
)

// Slots are those that can be chosen for an order now: three a day in which it is picked up, and one in which the seller brings it. There are none for a
// package that is too large, and none after the order's latest day.
func Slots(c *desk.Call, o *world.Order, millimeters [3]int, grams int) []Slot {
	if grams > mostGrams || max(millimeters[0], millimeters[1], millimeters[2]) > mostMillimeters {
		return nil
	}
	zone := world.Zone(o.Marketplace)
	now := c.Now.In(zone)
	latest := o.Purchased.Add(latestHandover)
	var list []Slot
	for day := 0; ; day++ {
		at := func(hour int) time.Time {
			return time.Date(now.Year(), now.Month(), now.Day()+day, hour, 0, 0, 0, zone)
		}
		if at(10).After(latest) {
			return list
		}
		for _, hour := range []int{10, 13, 16} {
			list = offer(c, o, list, Slot{Start: at(hour), End: at(hour).Add(world.EasyShipWindow), Millimeters: millimeters, Grams: grams}, latest)
		}
		list = offer(c, o, list, Slot{Start: at(10), End: at(19), DropOff: true, Millimeters: millimeters, Grams: grams}, latest)
	}
}

func offer(c *desk.Call, o *world.Order, list []Slot, s Slot, latest time.Time) []Slot {
	if s.Start.Before(c.Now.Add(slotNotice)) || s.Start.After(latest) {
		return list
	}
	s.ID = seal(c, o.ID, &s)
	return append(list, s)
}

// slotForm is how a slot is written in its id, which is in base64 like Amazon's (models/easy-ship-model: "AQc48yxSAAAAADZG0qQAAAAA6kkAAAAAAAA=").
type slotForm struct {
	Version, DropOff   uint8
	Issued, Start, End uint32
	Millimeters        [3]uint16
	Grams              uint32
}

const sealSize = 12

func seal(c *desk.Call, orderID string, s *Slot) string {
	f := slotForm{Version: 1, Issued: uint32(c.Now.Unix()), Start: uint32(s.Start.Unix()), End: uint32(s.End.Unix()), Grams: uint32(s.Grams)}
	if s.DropOff {
		f.DropOff = 1
	}
	for i, n := range s.Millimeters {
		f.Millimeters[i] = uint16(n)
	}
	b, _ := binary.Append(nil, binary.BigEndian, f) // of fixed size
	return base64.StdEncoding.EncodeToString(append(b, sealOf(c, orderID, b)...))
}

// sealOf binds a slot to its order and seller.
func sealOf(c *desk.Call, orderID string, b []byte) []byte {
	text := append([]byte("slot "+c.Seller.ID+" "+orderID+" "), b...)
	return c.Desk.Seal(text)[:sealSize]
}

// ReadSlot is the slot of an id, or what is wrong with it for an order now. Times are in the order's zone, as they were when it was given out.
func ReadSlot(c *desk.Call, o *world.Order, id string) (Slot, error) {
	b, err := base64.StdEncoding.DecodeString(id)
	size := binary.Size(slotForm{})
	if err != nil || len(b) != size+sealSize || !hmac.Equal(b[size:], sealOf(c, o.ID, b[:size])) {
		return Slot{}, ErrSlotInvalid
	}
	var f slotForm
	_, _ = binary.Decode(b[:size], binary.BigEndian, &f) // as long as it must be
	s := Slot{ID: id, Start: time.Unix(int64(f.Start), 0), End: time.Unix(int64(f.End), 0), DropOff: f.DropOff == 1, Grams: int(f.Grams)}
	for i, n := range f.Millimeters {
		s.Millimeters[i] = int(n)
	}
	switch {
	case !c.Now.Before(s.Start):
		return s, ErrSlotExpired
	case !c.Now.Before(time.Unix(int64(f.Issued), 0).Add(slotLifetime)):
		return s, ErrSlotStale
	}
	return s, nil
}
