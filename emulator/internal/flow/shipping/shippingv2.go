package shipping

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/carriers"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/expiring"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

type object = format.Object

// V2 is the API of version v2.
var V2 = desk.Flow{Stores: []desk.Keeper{offices}, Settle: settle, Handlers: map[string]desk.Handler{
	"shippingv2.getRates":                    getRates,
	"shippingv2.getAdditionalInputs":         getAdditionalInputs,
	"shippingv2.purchaseShipment":            purchaseShipment,
	"shippingv2.directPurchaseShipment":      directPurchase,
	"shippingv2.oneClickShipment":            oneClick,
	"shippingv2.getShipmentDocuments":        getDocuments,
	"shippingv2.cancelShipment":              cancelShipment,
	"shippingv2.getTracking":                 getTracking,
	"shippingv2.submitNdrFeedback":           submitNdrFeedback,
	"shippingv2.createClaim":                 createClaim,
	"shippingv2.getCarrierAccountFormInputs": carrierForms,
	"shippingv2.getCarrierAccounts":          carrierAccounts,
	"shippingv2.linkCarrierAccount":          linkAccount,
	"shippingv2.linkCarrierAccountPost":      linkAccount, // declared twice, as PUT and as POST
	"shippingv2.unlinkCarrierAccount":        unlinkAccount,
	"shippingv2.generateCollectionForm":      generateForm,
	"shippingv2.getCollectionFormHistory":    formHistory,
	"shippingv2.getCollectionForm":           getForm,
	"shippingv2.getUnmanifestedShipments":    unmanifested,
	"shippingv2.getAccessPoints":             accessPoints,
}, Early: map[string]func(*desk.Call) *answer.Error{
	// selling-partner-api-models shippingV2, sandbox case
	"shippingv2.getAdditionalInputs": func(c *desk.Call) *answer.Error {
		if token := c.Query.Get("requestToken"); token == "" || token == "null" {
			e := answer.Plain(http.StatusBadRequest, "InvalidRequest", "Request is missing or has invalid parameters").Detailed("RequestToken cannot be null")
			return e.Because("requestToken: required")
		}
		return nil
	},
}}

// invalid is how the API refuses whatever it doesn't like (jlevers/selling-partner-api#581).
func invalid(reason string) *answer.Error {
	return answer.Invalid("Invalid input", reason).Detailed("Provided input is invalid. Please verify.")
}

// invalidServices is about value added services (selling-partner-api-models#4759).
func invalidServices(reason string) *answer.Error {
	return answer.Invalid("Invalid input.", reason).
		Detailed("The requested value added services are invalid. Please check the value added services offered in the GetRates response.")
}

// unknown is about shipments and collection forms that there aren't, in the words that v1 has for shipments (selling-partner-api-models#2990); that v2 has
// them too is assumed.
func unknown(what, name, id string) *answer.Error {
	return answer.Invalid("Invalid input.", name+": no "+what+" "+id).Detailed(what + " not found for specified " + name)
}

// expired is about a rate that is older than ten minutes: the code is the model's, the wording is assumed.
func expired() *answer.Error {
	return answer.Plain(http.StatusBadRequest, "TOKEN_EXPIRED", "The request token has expired.").Detailed("").Because("requestToken: older than 10 minutes")
}

const (
	rateLife = 10 * time.Minute // model
	// How long a request for rates and an idempotency key are remembered, and how many of them. Amazon publishes neither.
	remembered = 24 * time.Hour
	mostQuotes = 10_000
	mostKeys   = 100_000
)

// office is what a seller's requests have left behind.
type office struct {
	mu        sync.Mutex
	quotes    *expiring.Map[*quote] // by request token
	keys      *expiring.Map[keyed]  // by idempotency key
	shipments []*shipment           // in the order in which they were bought
	byID      map[string]*shipment
	byOrder   map[string][]*shipment
	tracked   map[string]*shipment // by tracking number
	accounts  []account
	forms     []*form
	claims    []*claim
}

// quote is an answer of getRates.
type quote struct {
	At      time.Time `json:"at"`
	Request request   `json:"request"`
}

// keyed is what was made of a request with an idempotency key.
type keyed struct {
	ID      string    `json:"id"`
	Request string    `json:"request"` // digest
	Until   time.Time `json:"until"`
}

// officeState is an office as it is saved.
type officeState struct {
	Quotes    map[string]*quote `json:"quotes,omitempty"`
	Keys      map[string]keyed  `json:"keys,omitempty"`
	Shipments []*shipment       `json:"shipments,omitempty"`
	Accounts  []account         `json:"accounts,omitempty"`
	Forms     []*form           `json:"forms,omitempty"`
	Claims    []*claim          `json:"claims,omitempty"`
}

func (f *office) add(s *shipment) {
	f.shipments = append(f.shipments, s)
	f.byID[s.ID] = s
	if s.OrderID != "" {
		f.byOrder[s.OrderID] = append(f.byOrder[s.OrderID], s)
	}
	for i := range s.Packages {
		f.tracked[s.Packages[i].Tracking] = s
	}
}

var offices = &desk.Store[*office]{
	Name: "shippingv2",
	Create: func(*desk.Seller) *office {
		return &office{quotes: expiring.NewMap[*quote](mostQuotes, nil), keys: expiring.NewMap[keyed](mostKeys, nil),
			byID: map[string]*shipment{}, byOrder: map[string][]*shipment{}, tracked: map[string]*shipment{}}
	},
	Save: func(f *office) (any, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.quotes.Len()+f.keys.Len()+len(f.shipments)+len(f.accounts) == 0 {
			return nil, nil
		}
		return officeState{maps.Collect(f.quotes.All()), maps.Collect(f.keys.All()), f.shipments, f.accounts, f.forms, f.claims}, nil
	},
	Load: func(f *office, raw json.RawMessage) error {
		var saved officeState
		if err := json.Unmarshal(raw, &saved); err != nil {
			return err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, token := range slices.Sorted(maps.Keys(saved.Quotes)) {
			f.quotes.Put(token, saved.Quotes[token], saved.Quotes[token].At.Add(remembered))
		}
		for _, key := range slices.Sorted(maps.Keys(saved.Keys)) {
			f.keys.Put(key, saved.Keys[key], saved.Keys[key].Until)
		}
		for _, s := range saved.Shipments {
			f.add(s)
		}
		f.accounts, f.forms, f.claims = saved.Accounts, saved.Forms, saved.Claims
		return nil
	},
}

// open locks the seller's office, with what is over left out.
func open(c *desk.Call) *office {
	f := offices.Of(c.Seller)
	f.mu.Lock()
	f.quotes.Sweep(c.Now)
	f.keys.Sweep(c.Now)
	return f
}

// once finds what an earlier request with the same idempotency key has made; "" when there was none. That a key is good for a day, and that another
// request with it is refused, is assumed. The caller holds the office's lock.
func (f *office) once(c *desk.Call) (id string, note func(id string), _ *answer.Error) {
	key := c.Exchange.Header.Get("x-amzn-IdempotencyKey")
	if key == "" {
		return "", func(string) {}, nil
	}
	body, _ := json.Marshal(c.Body) // what was JSON is JSON again
	sum := sha256.Sum256(append([]byte(c.Op.ID+" "), body...))
	digest := hex.EncodeToString(sum[:16])
	if k, found := f.keys.Get(key); found && !k.Until.Add(-remembered).After(c.Now) { // it may, when the clock was set back
		if k.Request != digest {
			return "", nil, invalid("x-amzn-IdempotencyKey: was given with another request")
		}
		return k.ID, nil, nil
	}
	return "", func(id string) {
		until := c.Now.UTC().Add(remembered)
		f.keys.Put(key, keyed{id, digest, until}, until)
	}, nil
}

// settle pays for claims that have become due.
func settle(a *desk.Seller, now time.Time) {
	f := offices.Of(a)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, cl := range f.claims {
		if cl.Paid || now.Before(cl.Due) || cl.Amount.Units == 0 {
			continue
		}
		cl.Paid = true
		s := f.tracked[cl.Tracking]
		a.World().Charge(world.Charge{ID: "claim-" + cl.ID, At: cl.Due, Kind: "LostOrDamagedReimbursement", OrderID: s.OrderID, Item: -1,
			Marketplace: s.Marketplace,
			Amount:      cl.Amount, Reference: cl.ID})
	}
}

// shipment is one that was bought, as it is saved.
type shipment struct {
	ID          string       `json:"id"`
	OrderID     string       `json:"order_id,omitempty"` // "" for one of another channel
	Marketplace string       `json:"marketplace"`
	Request     request      `json:"request"`
	Country     string       `json:"country"`
	ServiceID   string       `json:"service_id"`
	Cost        world.Money  `json:"cost"`
	Direct      bool         `json:"direct,omitempty"` // the carrier sends the bill
	Services    []string     `json:"services,omitempty"`
	Wanted      document     `json:"document"`
	Bought      time.Time    `json:"bought"`
	Earliest    time.Time    `json:"earliest"`
	Latest      time.Time    `json:"latest"`
	Cancelled   time.Time    `json:"cancelled"`
	Replaced    bool         `json:"replaced,omitempty"` // another label has been bought for the same items
	Form        string       `json:"form,omitempty"`     // collection form; "": none yet
	Packages    []sentParcel `json:"packages"`
}

// sentParcel is a package of a shipment.
type sentParcel struct {
	Reference  string           `json:"reference"` // the client's
	Tracking   string           `json:"tracking"`
	Package    string           `json:"package,omitempty"`    // of the order's parcels
	Quantities []int            `json:"quantities,omitempty"` // by item of the order
	Way        carriers.Journey `json:"way"`
}

// service is the one that was bought.
func (s *shipment) service() *carriers.Service { return carriers.Find(s.Country, s.ServiceID) }
