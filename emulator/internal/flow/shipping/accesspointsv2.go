package shipping

import (
	"strconv"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// perType is how many access points of a type there are around a postal code; assumed.
const perType = 2

// accessPoints lists shops and lockers around a postal code. There are some around each in the countries that the world knows.
func accessPoints(c *desk.Call) (answer.Reply, *answer.Error) {
	country, code := c.Query.Get("countryCode"), c.Query.Get("postalCode")
	points := object{}
	for _, kind := range c.Query["accessPointTypes"] {
		list := []object{}
		if _, known := world.Countries[country]; known {
			for i := range perType {
				list = append(list, accessPoint(c, kind, country, code, i))
			}
		}
		points[kind] = list
	}
	return answer.Payload(object{"accessPointsMap": points}), nil
}

func accessPoint(c *desk.Call, kind, country, code string, i int) object {
	r := c.Desk.Seed.Of("access point", kind, country, code, i)
	a := c.Seller.World().AddressIn(r, country)
	if city, state, known := world.TownOf(country, code); known {
		a.City, a.State = city, state
	}
	zone := "UTC"
	for _, m := range marketplace.All() {
		if m.CountryCode == country {
			zone = m.TimeZone
		}
	}
	assistance := "SELF_ASSISTED"
	if kind == "HELIX" || kind == "3P" || kind == "CAMPUS_ROOM" {
		assistance = "STAFF_ASSISTED"
	}
	state := a.State
	if state == "" {
		state = a.City
	}
	clock := func(hour int) object { return object{"hourOfDay": hour, "minuteOfHour": 0, "secondOfMinute": 0} }
	hours := object{}
	for _, day := range []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"} {
		hours[day] = object{"openingTime": clock(8), "closingTime": clock(r.Between(18, 22)), "midDayClosures": []object{}}
	}
	meters := r.Between(100, 4000)
	return object{"accessPointId": r.UUID(), "name": "Amazon Hub - " + random.Pick(r, []string{"Maple", "Juniper", "Quartz", "Harbor"}), "timezone": zone,
		"type": kind, "accessibilityAttributes": object{"distance": strconv.Itoa(meters), "driveTime": meters / 300}, "assistanceType": assistance,
		"score": strconv.Itoa(r.Between(50, 100)),
		"address": object{"name": "Amazon Hub", "addressLine1": a.Line1, "city": a.City, "stateOrRegion": state, "postalCode": code,
			"countryCode": country},
		"standardOperatingHours": hours, "exceptionOperatingHours": []object{}}
}
