package easyship

import (
	"archive/zip"
	"bytes"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/handover"
	"github.com/openspapi/spapi/emulator/internal/jobs"
	"github.com/openspapi/spapi/emulator/internal/labels"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// mostInBulk is how many orders a request may have: as many as its answer has packages at the most (models/easy-ship-model).
const mostInBulk = 100

// createScheduledPackageBulk schedules what can be, and tells of each of the others why it can't. The labels lie together in a ZIP file.
func createScheduledPackageBulk(c *desk.Call) (answer.Reply, *answer.Error) {
	body, err := bodyOf(c, "orderScheduleDetailsList")
	if err != nil {
		return answer.Reply{}, err
	}
	m, err := market(c, format.Member(body, "marketplaceId"), bulk)
	if err != nil {
		return answer.Reply{}, err
	}
	orders := format.List(body["orderScheduleDetailsList"])
	if len(orders) > mostInBulk {
		return answer.Reply{}, answer.InvalidParameter("orderScheduleDetailsList", "has more than 100 elements")
	}
	scheduled, rejected := []object{}, []object{}
	var files archive
	for _, entry := range orders {
		id := format.Member(entry, "amazonOrderId")
		o, err := scheduleOne(c, m, id, entry)
		if err != nil {
			rejected = append(rejected, object{"amazonOrderId": id, "error": c.FirstError(err)})
			continue
		}
		scheduled = append(scheduled, packageObject(o, o.EasyShip, c.Now))
		files.add(c, o, labels.Format(format.Member(body, "labelFormat")))
	}
	reply := object{"scheduledPackages": scheduled, "rejectedOrders": rejected}
	if len(scheduled) > 0 {
		reply["printableDocumentsUrl"] = handover.Publish(c, "application/zip", files.close())
	}
	return answer.OK(reply), nil
}

// scheduleOne schedules one of the orders. Where slots can't be asked for, each that a request names is none, and the earliest is taken.
func scheduleOne(c *desk.Call, m *marketplace.Marketplace, id string, entry any) (*world.Order, *answer.Error) {
	o := c.Seller.World().OrderByID(id, c.Now)
	if o == nil || o.Marketplace.ID != m.ID {
		text := "Couldn't find the order details for " + id // the model's sandbox case
		return nil, answer.Plain(400, "InvalidInput", text).Detailed(text)
	}
	if _, err := find(c, m, id); err != nil {
		return nil, err
	}
	wish, _ := entry.(map[string]any)
	details, chosen := wish["packageDetails"].(map[string]any)
	var made *world.EasyShip
	err := c.ChangeOrder(id, func(o *world.Order) *answer.Error {
		if err := schedulable(o, c.Now); err != nil {
			return err
		}
		p := o.NewEasyShip()
		slots := handover.Slots(c, o, p.Millimeters, p.Grams)
		if len(slots) == 0 {
			return refuse("TimeSlotNotAvailable", "the package is too large, or the order's latest day is over")
		}
		s := slots[0]
		if chosen {
			var err *answer.Error
			if s, err = slotOf(c, o, format.Member(details["packageTimeSlot"], "slotId")); err != nil {
				return err
			}
		}
		return schedule(c, o, details, s, &made)
	})
	if err != nil {
		return nil, err
	}
	handover.Follow(c, id)
	return c.Seller.World().OrderByID(id, c.Now), nil
}

// archive is a ZIP file of labels. It has no times in it: the same labels give the same bytes.
type archive struct {
	buf bytes.Buffer
	zip *zip.Writer
}

func (a *archive) add(c *desk.Call, o *world.Order, f labels.Format) {
	if a.zip == nil {
		a.zip = zip.NewWriter(&a.buf)
	}
	p := o.EasyShip
	notes := []string{p.Identifier, world.InZone(o.Marketplace, p.Slot.Start)}
	content, err := labels.Render(jobs.Label(c.Seller, o, "Amazon Shipping", "Easy Ship", p.Tracking, notes...), f, labels.FourBySix, 203)
	if err == nil {
		w, _ := a.zip.Create(o.ID + "/ShippingLabel." + strings.ToLower(string(f))) // into memory, as below
		_, _ = w.Write(content)
		return
	}
	panic("emulator: label of " + o.ID + ": " + err.Error()) // the model lists the formats, and the tracking number is ours
}

func (a *archive) close() []byte {
	_ = a.zip.Close()
	return a.buf.Bytes()
}
