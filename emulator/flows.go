package emulator

import (
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/flow/application"
	"github.com/openspapi/spapi/emulator/internal/flow/catalogitems"
	"github.com/openspapi/spapi/emulator/internal/flow/datakiosk"
	"github.com/openspapi/spapi/emulator/internal/flow/easyship"
	"github.com/openspapi/spapi/emulator/internal/flow/externalfulfillment"
	"github.com/openspapi/spapi/emulator/internal/flow/fbainventory"
	"github.com/openspapi/spapi/emulator/internal/flow/feeds"
	"github.com/openspapi/spapi/emulator/internal/flow/finances"
	"github.com/openspapi/spapi/emulator/internal/flow/financesinvoices"
	"github.com/openspapi/spapi/emulator/internal/flow/fulfillmentoutbound"
	"github.com/openspapi/spapi/emulator/internal/flow/invoices"
	"github.com/openspapi/spapi/emulator/internal/flow/listingsitems"
	"github.com/openspapi/spapi/emulator/internal/flow/listingsrestrictions"
	"github.com/openspapi/spapi/emulator/internal/flow/merchantfulfillment"
	"github.com/openspapi/spapi/emulator/internal/flow/messaging"
	"github.com/openspapi/spapi/emulator/internal/flow/notifications"
	"github.com/openspapi/spapi/emulator/internal/flow/orders"
	"github.com/openspapi/spapi/emulator/internal/flow/productfees"
	"github.com/openspapi/spapi/emulator/internal/flow/productpricing"
	"github.com/openspapi/spapi/emulator/internal/flow/producttypes"
	"github.com/openspapi/spapi/emulator/internal/flow/promotions"
	"github.com/openspapi/spapi/emulator/internal/flow/reports"
	"github.com/openspapi/spapi/emulator/internal/flow/sales"
	"github.com/openspapi/spapi/emulator/internal/flow/sellers"
	"github.com/openspapi/spapi/emulator/internal/flow/sellerwallet"
	"github.com/openspapi/spapi/emulator/internal/flow/shipmentinvoicing"
	"github.com/openspapi/spapi/emulator/internal/flow/shipping"
	"github.com/openspapi/spapi/emulator/internal/flow/solicitations"
	"github.com/openspapi/spapi/emulator/internal/flow/tokens"
	"github.com/openspapi/spapi/emulator/internal/flow/tracking"
	"github.com/openspapi/spapi/emulator/internal/flow/transfers"
	"github.com/openspapi/spapi/emulator/internal/flow/uploads"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/handover"
	"github.com/openspapi/spapi/emulator/internal/jobs"
)

type object = format.Object

// flows are all APIs that have a world behind them. The others are answered from their schemas.
var flows = []desk.Flow{
	jobs.Flow, handover.Flow,
	sellers.Flow, catalogitems.V0, catalogitems.V20220401, orders.V0, orders.V20260101, tokens.Flow,
	application.Flow, productpricing.V0, productpricing.V20220501, productfees.Flow, sales.Flow, messaging.Flow, solicitations.Flow, notifications.Flow, uploads.Flow,
	catalogitems.V20201201, listingsitems.V20210801, listingsitems.V20200901, listingsrestrictions.Flow, producttypes.Flow, fbainventory.Flow,
	reports.Flow, feeds.Flow, datakiosk.Flow, promotions.Flow, shipping.V1, fulfillmentoutbound.V20200701, finances.V0, finances.V20240619,
	merchantfulfillment.V0, easyship.V20220323, externalfulfillment.V20240911, shipmentinvoicing.V0, shipmentinvoicing.Delivery, sellerwallet.Flow,
	invoices.Flow, financesinvoices.Flow, tracking.V20260130, shipping.V2, transfers.Flow,
	orders.News, shipmentinvoicing.News, tracking.News,
}
