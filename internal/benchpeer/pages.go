package benchpeer

import (
	"fmt"
	"strings"
)

// page is head, n elements and tail.
func page(head string, n int, element func(i int) string, tail string) []byte {
	var b strings.Builder
	b.WriteString(head)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(element(i))
	}
	b.WriteString(tail)
	return []byte(b.String())
}

// some is text in one of n elements, so that not all of them have the same members.
func some(i, n int, text string, args ...any) string {
	if i%n != 0 {
		return ""
	}
	return fmt.Sprintf(text, args...)
}

// names are those of buyers: most are ASCII, some are not, and one has to be escaped.
var names = []string{"John Doe", "Jörg Müller", "Noah O'Brien", `John \"JD\" Doe`, "María José Núñez", "Olivia Carter", "山田 太郎", "Anna Schmidt"}

func name(i int) string { return names[i%len(names)] }

// Orders is a page of getOrders v0 with n orders. A hundred of them are 188 KB.
func Orders(n int) []byte {
	return page(`{"payload":{"Orders":[`, n, func(i int) string {
		return fmt.Sprintf(`{"AmazonOrderId":"902-%07[1]d-8745147","SellerOrderId":"902-%07[1]d-8745147",`+
			`"PurchaseDate":"2026-03-%02[2]dT10:%02[3]d:00Z","LastUpdateDate":"2026-03-%02[2]dT12:%02[3]d:00Z",`,
			i, i%28+1, i%60) +
			`"OrderStatus":"Unshipped","FulfillmentChannel":"MFN","SalesChannel":"Amazon.com","OrderChannel":"string","ShipServiceLevel":"Std DE Dom_3",` +
			fmt.Sprintf(`"OrderTotal":{"CurrencyCode":"USD","Amount":"%d.95"},"NumberOfItemsShipped":%d,"NumberOfItemsUnshipped":%d,`, 10+i, i%3, i%2) +
			some(i, 2, `"PaymentExecutionDetail":[{"Payment":{"CurrencyCode":"USD","Amount":"10.00"},"PaymentMethod":"GC"},`+
				`{"Payment":{"CurrencyCode":"USD","Amount":"1.95"},"PaymentMethod":"Standard"}],`) +
			`"PaymentMethod":"Other","PaymentMethodDetails":["CreditCard","GiftCertificate"],"MarketplaceId":"ATVPDKIKX0DER",` +
			`"ShipmentServiceLevelCategory":"Standard","OrderType":"StandardOrder",` +
			`"EarliestShipDate":"2026-03-09T07:00:00Z","LatestShipDate":"2026-03-10T06:59:59Z","EarliestDeliveryDate":"2026-03-12T07:00:00Z",` +
			`"LatestDeliveryDate":"2026-03-16T06:59:59Z",` +
			`"IsBusinessOrder":false,"IsPrime":true,"IsPremiumOrder":false,"IsGlobalExpressEnabled":false,"IsReplacementOrder":false,` +
			`"IsEstimatedShipDateSet":true,"IsSoldByAB":false,"IsIBA":false,` +
			`"DefaultShipFromLocationAddress":{"Name":"MFNIntegrationTestMerchant","AddressLine1":"2201 WESTLAKE AVE","City":"SEATTLE",` +
			`"StateOrRegion":"WA","PostalCode":"98121-2778","CountryCode":"US",` +
			`"Phone":"+1 480-386-0930 ext. 73824","AddressType":"Commercial"},` +
			`"FulfillmentInstruction":{"FulfillmentSupplySourceId":"sampleSupplySourceId"},"IsISPU":false,"IsAccessPointOrder":false,` +
			fmt.Sprintf(`"ShippingAddress":{"Name":"%s","AddressLine1":"Straße des 17. Juni %d",`, name(i), i+1) +
			some(i, 3, `"AddressLine2":"Hinterhaus\/2. Stock",`) +
			`"City":"Berlin","StateOrRegion":"BE","PostalCode":"10623","CountryCode":"DE"},` +
			fmt.Sprintf(`"BuyerInfo":{"BuyerEmail":"buyer%d@marketplace.example","BuyerName":"%s","BuyerTaxInfo":{"CompanyLegalName":"A Company Name"},`+
				`"PurchaseOrderNumber":"1234567890123"},`, i, name(i)) +
			`"AutomatedShippingSettings":{"HasAutomatedShippingSettings":false},"HasRegulatedItems":false,"ElectronicInvoiceStatus":"NotRequired"}`
	}, `],"NextToken":"2YgYW55IGNhcm5hbCBwbGVhc3VyZS4=","CreatedBefore":"2026-03-30T00:00:00Z"}}`)
}

// Orders2026 is a page of searchOrders 2026-01-01 with 60 orders of one or two items, with all that can be included.
func Orders2026() []byte {
	item := func(i, k int) string {
		return fmt.Sprintf(`{"orderItemId":"%014[1]d","quantityOrdered":%[2]d,"programs":[],"product":{"asin":"B0%08[1]d",`+
			`"title":"Hartley & Sons Ballpoint Pen, Medium 1.0 mm, 藍色 \/ blau",`+
			`"sellerSku":"shelf %04[1]d","condition":{"conditionType":"NEW","conditionSubtype":"NEW"},"price":{"unitPrice":{"amount":"2.09",`+
			`"currencyCode":"EUR"}}},`+
			`"proceeds":{"proceedsTotal":{"amount":"14.01","currencyCode":"EUR"},"breakdowns":[{"type":"ITEM","subtotal":{"amount":"8.36",`+
			`"currencyCode":"EUR"}},`+
			`{"type":"SHIPPING","subtotal":{"amount":"4.99","currencyCode":"EUR"}},{"type":"TAX","subtotal":{"amount":"0.66","currencyCode":"EUR"},`+
			`"detailedBreakdowns":[{"subtype":"ITEM","value":{"amount":"0.66","currencyCode":"EUR"}}]}]},`, i*2+k, k+1) +
			some(i, 3, `"promotion":{"breakdowns":[{"promotionId":"FREE SHIPPING %d"}]},`, i) +
			fmt.Sprintf(`"fulfillment":{"quantityFulfilled":%d,"quantityUnfulfilled":0,`+
				`"shipping":{"shippingConstraints":{"signatureConfirmation":"MANDATORY"}}},`, k+1) +
			`"tax":{"taxCollections":[{"model":"MARKETPLACE_FACILITATOR","responsibleParty":"Amazon Services, Inc."}]}}`
	}
	return page(`{"createdBefore":"2026-11-26T02:03:12Z","orders":[`, 60, func(i int) string {
		items := item(i, 0)
		if i%2 == 0 {
			items += "," + item(i, 1)
		}
		return fmt.Sprintf(`{"orderId":"302-%07[1]d-2730000","orderAliases":[{"aliasId":"SO-%06[1]d","aliasType":"SELLER_ORDER_ID"}],`+
			`"createdTime":"2026-09-%02[2]dT02:54:02Z","lastUpdatedTime":"2026-10-03T14:%02[3]d:02Z",`,
			i, i%28+1, i%60) +
			fmt.Sprintf(`"programs":["PRIME"],"salesChannel":{"channelName":"AMAZON","marketplaceId":"A1PA6795UKMFR9","marketplaceName":"Amazon.de"},`+
				`"buyer":{"buyerName":"%[1]s","buyerEmail":"yh3lnfbgojrd%03[2]d@marketplace.amazon.com"},"recipient":{"deliveryAddress":{"name":"%[1]s",`+
				`"addressLine1":"Kölner Straße %[2]d",`, name(i), i) +
			some(i, 4, `"companyName":"Bäckerei \u0026 Café GmbH",`) +
			`"city":"Düsseldorf","stateOrRegion":"NW","postalCode":"40227","countryCode":"DE","phone":"+49 211 555 0150","addressType":"RESIDENTIAL"}},` +
			`"proceeds":{"grandTotal":{"amount":"14.01","currencyCode":"EUR"},"breakdowns":[{"type":"ITEM","subtotal":{"amount":"8.36",` +
			`"currencyCode":"EUR"}},` +
			`{"type":"SHIPPING","subtotal":{"amount":"4.99","currencyCode":"EUR"}},{"type":"TAX","subtotal":{"amount":"0.66","currencyCode":"EUR"}}]},` +
			`"payment":{"paymentExecutions":[{"paymentAmount":{"amount":"14.01","currencyCode":"EUR"},"paymentMethod":"CreditCard","cardBrand":"VISA"}]},` +
			`"fulfillment":{"fulfillmentStatus":"SHIPPED","fulfilledBy":"MERCHANT","fulfillmentServiceLevel":"STANDARD",` +
			`"shipByWindow":{"earliestDateTime":"2026-09-27T02:54:02Z","latestDateTime":"2026-09-30T02:54:02Z"},` +
			`"deliverByWindow":{"earliestDateTime":"2026-09-29T02:54:02Z","latestDateTime":"2026-10-04T02:54:02Z"}},"orderItems":[` + items + `],` +
			fmt.Sprintf(`"packages":[{"packageReferenceId":"1","createdTime":"2026-10-03T14:01:02Z","packageStatus":{"status":"DELIVERED",`+
				`"detailedStatus":"DELIVERED"},"carrier":"DHL","shipTime":"2026-10-03T14:01:02Z",`+
				`"shippingService":"Paket","trackingNumber":"1ZBQEGC73E%06d","packageItems":[{"orderItemId":"%014d","quantity":1}]}]}`, i, i*2)
	}, `],"pagination":{"nextToken":"2YgYW55IGNhcm5hbCBwbGVhc3VyZS4="}}`)
}

// Catalog is a page of searchCatalogItems 2022-04-01 with 20 items, which is as many as it may hold, with all that a seller can have included.
func Catalog() []byte {
	image := func(i, k int) string {
		return fmt.Sprintf(`{"variant":"%s","link":"https://m.media-amazon.com/images/I/%08d%d.jpg","height":%d,`+
			`"width":%d}`, []string{"MAIN", "PT01", "PT02"}[k%3], i, k, 500+k, 500)
	}
	return page(`{"numberOfResults":12345,"pagination":{"nextToken":"xsdflkj324lkjsdlkj3423klkjsdfkljlk2j34klj2l3k4jlksdjl234"},`+
		`"refinements":{"brands":[{"numberOfResults":20,"brandName":"Süßwaren & Söhne"}],`+
		`"classifications":[{"numberOfResults":300,"displayName":"Küche, Haushalt & Wohnen","classificationId":"3167641"}]},`+
		`"items":[`, 20, func(i int) string {
		images := make([]string, 12)
		for k := range images {
			images[k] = image(i, k)
		}
		return fmt.Sprintf(`{"asin":"B0%08d","attributes":{`, i) + attributes(i) + `},` +
			`"classifications":[{"marketplaceId":"A1PA6795UKMFR9","classifications":[{"displayName":"Schreibtischlampen","classificationId":"3780141",` +
			`"parent":{"displayName":"Innenbeleuchtung",` +
			`"classificationId":"213084031","parent":{"displayName":"Beleuchtung","classificationId":"213083031"}}}]}],` +
			fmt.Sprintf(`"dimensions":[{"marketplaceId":"A1PA6795UKMFR9","item":{"height":{"unit":"inches","value":%d.5},"length":{"unit":"inches",`+
				`"value":48.59},"weight":{"unit":"pounds","value":107.26},`+
				`"width":{"unit":"inches","value":9.8}},"package":{"height":{"unit":"inches","value":9.06},"length":{"unit":"inches","value":57.87},`+
				`"weight":{"unit":"pounds","value":1.2875e2},"width":{"unit":"inches","value":34.76}}}],`, i) +
			fmt.Sprintf(`"identifiers":[{"marketplaceId":"A1PA6795UKMFR9","identifiers":[{"identifier":"0887276%06[1]d","identifierType":"EAN"},`+
				`{"identifier":"887276%06[1]d","identifierType":"UPC"}]}],`, i) +
			`"images":[{"marketplaceId":"A1PA6795UKMFR9","images":[` + strings.Join(images, ",") + `]}],` +
			`"productTypes":[{"marketplaceId":"A1PA6795UKMFR9","productType":"LAMP"}],` +
			fmt.Sprintf(`"relationships":[{"marketplaceId":"A1PA6795UKMFR9","relationships":[{"type":"VARIATION","parentAsins":["B1%08d"],`+
				`"variationTheme":{"attributes":["color","size"],"theme":"COLOR\/SIZE"}}]}],`, i/5) +
			fmt.Sprintf(`"salesRanks":[{"marketplaceId":"A1PA6795UKMFR9","classificationRanks":[{"classificationId":"3780141","title":"Schreibtischlampen",`+
				`"link":"https://www.amazon.de/gp/bestsellers/lighting/3780141","rank":%d}],`+
				`"displayGroupRanks":[{"websiteDisplayGroup":"lighting_display_on_website","title":"Beleuchtung",`+
				`"link":"https://www.amazon.de/gp/bestsellers/lighting","rank":%d}]}],`, i+1, i*1000) +
			fmt.Sprintf(`"summaries":[{"marketplaceId":"A1PA6795UKMFR9","adultProduct":false,"autographed":false,"brand":"Nordlys",`+
				`"browseClassification":{"displayName":"Schreibtischlampen","classificationId":"3780141"},`+
				`"color":"rot","itemClassification":"BASE_PRODUCT",`+
				`"itemName":"Nordlys Schreibtischlampe, %d cm, dimmbar, für Büro & Homeoffice, mit \"Memory\"-Funktion","manufacturer":"Nordlys GmbH",`+
				`"memorabilia":false,`+
				`"modelNumber":"NL-%04d","packageQuantity":1,"partNumber":"NL-40-R","releaseDate":"2026-01-%02d","size":"40 cm","style":"Modern",`+
				`"tradeInEligible":false,"websiteDisplayGroup":"lighting_display_on_website",`+
				`"websiteDisplayGroupName":"Beleuchtung"}]}`, 20+i, i, i%28+1)
	}, `]}`)
}

// attributes are those of an item's product type: SDKs leave them as they are.
func attributes(i int) string {
	bullets := make([]string, 5)
	for k := range bullets {
		bullets[k] = fmt.Sprintf(`{"value":"Punkt %d: Schreibtischlampe aus gebürstetem Aluminium, blendfrei, `+
			`drei Farbtemperaturen von 2.700 bis 6.500 K, stufenlos dimmbar","language_tag":"de_DE","marketplace_id":"A1PA6795UKMFR9"}`, k)
	}
	return fmt.Sprintf(`"item_name":[{"value":"Nordlys Schreibtischlampe, %d cm","language_tag":"de_DE","marketplace_id":"A1PA6795UKMFR9"}],`+
		`"brand":[{"value":"Nordlys","language_tag":"de_DE","marketplace_id":"A1PA6795UKMFR9"}],`, i) +
		`"bullet_point":[` + strings.Join(bullets, ",") + `],` +
		`"product_description":[{"value":"Eine Lampe für alle, die abends noch \"nur kurz\" etwas nachsehen wollen.\nMit USB-C-Anschluß.",` +
		`"language_tag":"de_DE","marketplace_id":"A1PA6795UKMFR9"}],` +
		fmt.Sprintf(`"list_price":[{"currency":"EUR","value_with_tax":%d.99,"marketplace_id":"A1PA6795UKMFR9"}],`, 30+i) +
		`"item_dimensions":[{"length":{"unit":"centimeters","value":18.0},"width":{"unit":"centimeters","value":18.0},"height":{"unit":"centimeters",` +
		`"value":40.0},"marketplace_id":"A1PA6795UKMFR9"}],` +
		some(i, 2, `"batteries_required":[{"value":false,"marketplace_id":"A1PA6795UKMFR9"}],`) +
		`"country_of_origin":[{"value":"DE","marketplace_id":"A1PA6795UKMFR9"}],"supplier_declared_dg_hz_regulation":[{"value":"not_applicable",` +
		`"marketplace_id":"A1PA6795UKMFR9"}],` +
		`"generic_keyword":[{"value":"lampe schreibtisch büro led dimmbar","language_tag":"de_DE","marketplace_id":"A1PA6795UKMFR9"}]`
}

// Listings is a page of searchListingsItems 2021-08-01 with 20 items, which is as many as it may hold, with all that can be included.
func Listings() []byte {
	return page(`{"numberOfResults":2000,"pagination":{"nextToken":"xsdflkj324lkjsdlkj3423klkjsdfkljlk2j34klj2l3k4jlksdjl234"},`+
		`"items":[`, 20, func(i int) string {
		children := make([]string, 25)
		for k := range children {
			children[k] = fmt.Sprintf(`"NL-%04d-%02d Größe %d"`, i, k, k)
		}
		issues := make([]string, 3)
		for k := range issues {
			issues[k] = fmt.Sprintf(`{"code":"%d",`+
				`"message":"Das Attribut 'Anzahl der Artikel' hat einen ungültigen Wert: \"%d\". Geben Sie eine Zahl zwischen 1 und 999999 ein.",`+
				`"severity":"%s",`+
				`"attributeNames":["number_of_items","item_package_quantity"],"categories":["INVALID_ATTRIBUTE"],`+
				`"enforcements":{"actions":[{"action":"SEARCH_SUPPRESSED"}],"exemption":{"status":"EXEMPT_UNTIL_EXPIRY_DATE",`+
				`"expiryDate":"2026-12-%02dT00:00:00.000Z"}},`+
				`"marketplaceIds":["A1PA6795UKMFR9"]}`, 90000000+k, -k, []string{"ERROR", "WARNING", "INFO"}[k], i%28+1)
		}
		return fmt.Sprintf(`{"sku":"NL-%04[1]d rot","summaries":[{"marketplaceId":"A1PA6795UKMFR9","asin":"B0%08[1]d","productType":"LAMP",`+
			`"conditionType":"new_new","status":["BUYABLE","DISCOVERABLE"],"fnSku":"X00%07[1]d",`+
			`"itemName":"Nordlys Schreibtischlampe, 40 cm, dimmbar, für Büro & Homeoffice","createdDate":"2026-01-%02[2]dT00:00:00.000Z",`+
			`"lastUpdatedDate":"2026-03-%02[2]dT11:%02[3]d:07.123Z",`+
			`"mainImage":{"link":"https://m.media-amazon.com/images/I/%08[1]d.jpg","height":500,"width":500}}],`+
			`"attributes":{`, i, i%28+1, i%60) + attributes(i) + `},` +
			`"issues":[` + strings.Join(issues, ",") + `],` +
			fmt.Sprintf(`"offers":[{"marketplaceId":"A1PA6795UKMFR9","offerType":"B2C","price":{"currencyCode":"EUR","amount":"%d.99"},`+
				`"audience":{"value":"ALL","displayName":"Sell on Amazon"}},`+
				`{"marketplaceId":"A1PA6795UKMFR9","offerType":"B2B","price":{"currencyCode":"EUR","amount":"%d.49"}}],`, 30+i, 29+i) +
			fmt.Sprintf(`"fulfillmentAvailability":[{"fulfillmentChannelCode":"DEFAULT","quantity":%d},{"fulfillmentChannelCode":"AMAZON_EU"}],`, i) +
			`"relationships":[{"marketplaceId":"A1PA6795UKMFR9","relationships":[{"type":"VARIATION","childSkus":[` + strings.Join(children, ",") + `],` +
			`"variationTheme":{"attributes":["color","size"],"theme":"COLOR\/SIZE"}}]}],` +
			`"productTypes":[{"marketplaceId":"A1PA6795UKMFR9","productType":"LAMP"}]}`
	}, `]}`)
}

// Boxes is a page of listInboundPlanBoxes 2024-03-20 with 100 boxes of three items.
func Boxes() []byte {
	item := func(i, k int) string {
		return fmt.Sprintf(`{"asin":"B0%08[1]d","fnsku":"X00%07[1]d","msku":"Größe %[2]d \/ rot %[1]d","quantity":%[3]d,"labelOwner":"SELLER",`+
			`"prepInstructions":[{"prepType":"ITEM_LABELING","prepOwner":"SELLER",`+
			`"fee":{"amount":%[2]d.25,"code":"EUR"}}]`, i*3+k, k, 10+i%7) + some(i, 2, `,"expiration":"2027-01-01","manufacturingLotCode":"LOT-%05d"`, i) + `}`
	}
	return page(`{"boxes":[`, 100, func(i int) string {
		return fmt.Sprintf(`{"boxId":"FBA15DJ8K123U%06[1]d","packageId":"pk12345678-1234-1234-1234-1234567%05[1]d",`+
			`"contentInformationSource":"BOX_CONTENT_PROVIDED","templateName":"Kartonvorlage %[1]d","quantity":%[2]d,`, i, i%4+1) +
			fmt.Sprintf(`"dimensions":{"height":%d.5,"length":4,"width":3.25,"unitOfMeasurement":"CM"},"weight":{"unit":"KG","value":%d.75},`+
				`"destinationRegion":{"countryCode":"DE","state":"Nordrhein-Westfalen","warehouseId":"DTM2"},`, 10+i, i%20) +
			some(i, 3, `"externalContainerIdentifier":"TESTASN%04d","externalContainerIdentifierType":"CARTON_ID",`, i) +
			`"items":[` + item(i, 0) + `,` + item(i, 1) + `,` + item(i, 2) + `]}`
	}, `],"pagination":{"nextToken":"2YgYW55IGNhcm5hbCBwbGVhc3VyZS4="}}`)
}

// Transactions is a page of listTransactions 2024-06-19 with 50 transactions, whose amounts are broken down four levels deep.
func Transactions() []byte {
	amount := func(kind string, cents int, below string) string {
		return fmt.Sprintf(`{"breakdownType":"%s","breakdownAmount":{"currencyCode":"EUR","currencyAmount":%d.%02d},`+
			`"breakdowns":[%s]}`, kind, cents/100, cents%100, below)
	}
	breakdowns := func(i int) string {
		charges := amount("ProductCharges", 4990+i, amount("OurPricePrincipal", 4000+i, "")+","+amount("OurPriceTax", 990, ""))
		commission := amount("Commission", 700, amount("Base", 650, "")+","+amount("Tax", 50, ""))
		fees := amount("AmazonFees", 900, commission+","+amount("FBAPerUnitFulfillmentFee", 200, ""))
		return amount("Sales", 5000+i, charges+","+amount("Shipping", 10, "")) + "," + amount("Expenses", 900, fees)
	}
	return page(`{"payload":{"transactions":[`, 50, func(i int) string {
		return fmt.Sprintf(`{"sellingPartnerMetadata":{"sellingPartnerId":"AXXXXXXXXXXXXX","accountType":"PAYABLE","marketplaceId":"A1PA6795UKMFR9"},`+
			`"transactionType":"Shipment","transactionId":"b1qD0oAliFkLiqRyGbmeT0DoS2Z2kHzi7TZ92z%06[1]d",`+
			`"transactionStatus":"RELEASED","relatedIdentifiers":[{"relatedIdentifierName":"ORDER_ID","relatedIdentifierValue":"302-%07[1]d-2730000"},`+
			`{"relatedIdentifierName":"SHIPMENT_ID","relatedIdentifierValue":"B%08[1]d"}],`+
			`"totalAmount":{"currencyAmount":%[2]d.1,"currencyCode":"EUR"},"description":"Bestellung über 1 Stück: %[3]s",`+
			`"postedDate":"2026-07-%02[4]dT19:15:%02[5]dZ",`, i, 30+i, name(i), i%28+1, i%60) +
			`"marketplaceDetails":{"marketplaceId":"A1PA6795UKMFR9","marketplaceName":"Amazon.de"},"items":[` +
			fmt.Sprintf(`{"description":"Nordlys Schreibtischlampe, 40 cm, dimmbar","totalAmount":{"currencyAmount":%[1]d.1,"currencyCode":"EUR"},`+
				`"relatedIdentifiers":[{"itemRelatedIdentifierName":"ORDER_ADJUSTMENT_ITEM_ID",`+
				`"itemRelatedIdentifierValue":"%014[1]d"}],"contexts":[{"contextType":"ProductContext","asin":"B0%08[1]d","quantityShipped":1,`+
				`"sku":"NL-%04[1]d rot","fulfillmentNetwork":"MFN"}],"breakdowns":[`, i) + breakdowns(i) + `]}],` +
			`"contexts":[{"contextType":"AmazonPayContext","storeName":"AMAZON_HAUL","orderType":"Physical","channel":"MFN"}` +
			some(i, 3, `,{"contextType":"DeferredContext","deferralReason":"DD7","maturityDate":"2026-08-%02dT00:00:00Z"}`, i%28+1) + `],` +
			`"breakdowns":[` + breakdowns(i) + `]}`
	}, `],"nextToken":"Enhanced token"}}`)
}
