package shipping

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/carriers"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
)

// account is a contract of the seller's own with a carrier. What it was linked with isn't kept.
type account struct {
	ID        string `json:"id"`
	CarrierID string `json:"carrier_id"`
}

// A carrier wants the number of the account and a password; names and rules are assumed.
const (
	accountNumber = "accountNumber"
	password      = "password"
	numberText    = "^[A-Za-z0-9]{4,20}$"
	shipperType   = "SHIPPER_ACCOUNT"
)

var numberPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(numberText) })

// linkable are the carriers in the seller's countries with which others than Amazon have contracts.
func linkable(c *desk.Call) []string {
	var list []string
	for i := range c.Seller.Marketplaces {
		for _, s := range carriers.Services(c.Seller.Marketplaces[i].CountryCode) {
			if !strings.HasPrefix(s.CarrierID, "AMZN_") && !slices.Contains(list, s.CarrierID) {
				list = append(list, s.CarrierID)
			}
		}
	}
	slices.Sort(list)
	return list
}

// carrierForms tells what has to be said to link an account.
func carrierForms(c *desk.Call) (answer.Reply, *answer.Error) {
	input := func(name, kind, rule string, secret bool) object {
		return object{"name": name, "groupName": "credentials", "descriptionLocalizationKey": "carrier_account_" + name, "inputType": kind, "isMandatory": true,
			"isConfidential": secret, "isHidden": false, "validationMetadata": []object{{"validationStrategy": "REGEX", "value": rule,
				"errorMessage": "The value is not valid."}}}
	}
	list := []object{}
	for _, id := range linkable(c) {
		list = append(list, object{"carrierId": id, "linkableAccountTypes": []object{{"accountType": shipperType,
			"carrierAccountInputs": []object{input(accountNumber, "TEXTBOX", numberText, false), input(password, "PASSWORD", "^.+$", true)}}}})
	}
	return answer.OK(object{"linkableCarriersList": list}), nil
}

func carrierAccounts(c *desk.Call) (answer.Reply, *answer.Error) {
	f := open(c)
	defer f.mu.Unlock()
	list := []object{}
	for _, a := range f.accounts {
		list = append(list, object{"accountId": a.ID, "carrierId": a.CarrierID})
	}
	return answer.OK(object{"activeAccounts": list}), nil
}

// linkAccount links an account. The same one again is linked already.
func linkAccount(c *desk.Call) (answer.Reply, *answer.Error) {
	var body struct {
		CarrierAccountType                                          string
		CarrierAccountAttributes, EncryptedCarrierAccountAttributes []struct{ AttributeName, Value string }
	}
	if err := format.Read(c.Body, &body); err != nil {
		return answer.Reply{}, invalid("carrierAccountAttributes: want texts")
	}
	id := c.Path["carrierId"]
	values := map[string]string{}
	for _, a := range append(body.CarrierAccountAttributes, body.EncryptedCarrierAccountAttributes...) {
		values[a.AttributeName] = a.Value
	}
	switch {
	case !slices.Contains(linkable(c), id):
		return answer.Reply{}, invalid("carrierId: " + id + " can't be linked")
	case body.CarrierAccountType != shipperType:
		return answer.Reply{}, invalid("carrierAccountType: want " + shipperType)
	case !numberPattern().MatchString(values[accountNumber]) || values[password] == "":
		return answer.Reply{}, invalid("carrierAccountAttributes: want " + accountNumber + ", 4 to 20 letters and digits, and " + password)
	}
	f := open(c)
	defer f.mu.Unlock()
	own := account{ID: "amzn1.ca." + c.Desk.Seed.Of("carrier account", c.Seller.Number, id, values[accountNumber]).Text(random.Base36, 20), CarrierID: id}
	if !slices.Contains(f.accounts, own) {
		f.accounts = append(f.accounts, own)
	}
	return answer.OK(object{"registrationStatus": "ACTIVE", "accountId": own.ID}), nil
}

// unlinkAccount forgets an account, or all of the carrier's where none is named, which is assumed.
func unlinkAccount(c *desk.Call) (answer.Reply, *answer.Error) {
	var body struct{ AccountID string }
	if err := format.Read(c.Body, &body); err != nil {
		return answer.Reply{}, invalid(err.Error())
	}
	f := open(c)
	defer f.mu.Unlock()
	before := len(f.accounts)
	f.accounts = slices.DeleteFunc(f.accounts, func(a account) bool {
		return a.CarrierID == c.Path["carrierId"] && (body.AccountID == "" || a.ID == body.AccountID)
	})
	if len(f.accounts) == before {
		return answer.Reply{}, invalid("accountId: no account " + body.AccountID + " with " + c.Path["carrierId"])
	}
	return answer.OK(object{"isUnlinked": true}), nil
}
