// Package listingsitems answers for listings items.
package listingsitems

import (
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
)

type object = format.Object

// V20200901 is the version before: the same submissions, with issues that name one attribute. It has nothing to read.
var V20200901 = desk.Flow{Handlers: map[string]desk.Handler{
	"listingsitems20200901.putListingsItem":    putListing,
	"listingsitems20200901.patchListingsItem":  patchListing,
	"listingsitems20200901.deleteListingsItem": deleteListing,
}}
